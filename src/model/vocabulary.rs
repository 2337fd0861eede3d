//! From a tokenizer file (byte-level BPE) to the bytes of each token.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Deserialize)]
struct TokenizerFile {
    model: Merges,
}

#[derive(Deserialize)]
struct Merges {
    vocab: BTreeMap<String, usize>,
}

/// The bytes of the tokens `0..count`, from the JSON text of a `tokenizer.json`; numbers the tokenizer
/// leaves out are empty.
pub(super) fn token_bytes(json: &[u8], count: usize) -> Result<Vec<Vec<u8>>, String> {
    let file: TokenizerFile = serde_json::from_slice(json)
        .map_err(|error| format!("expected a tokenizer with `model.vocab`: {error}"))?;
    let byte_of = bytes_by_letter();
    let mut tokens = vec![Vec::new(); count];
    for (letters, number) in &file.model.vocab {
        let Some(token) = tokens.get_mut(*number) else {
            continue;
        };
        *token = letters
            .chars()
            .map(|letter| byte_of.get(&letter).copied())
            .collect::<Option<Vec<u8>>>()
            .ok_or_else(|| format!("token {number} is not in byte-level form"))?;
    }
    let missing = tokens.iter().filter(|token| token.is_empty()).count();
    // Multilingual vocabularies have one token without text.
    if missing > 1 {
        return Err(format!("{missing} of {count} tokens have no text"));
    }
    Ok(tokens)
}

/// Byte-level BPE writes each byte as one printable letter: printable Latin-1 as itself, the others as
/// the letters from U+0100 on, in order.
fn bytes_by_letter() -> BTreeMap<char, u8> {
    let mut next = 0x100;
    (0..=255_u8)
        .map(|byte| {
            let printable = matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
            let letter = if printable {
                char::from(byte)
            } else {
                next += 1;
                char::from_u32(next - 1).unwrap_or(char::REPLACEMENT_CHARACTER)
            };
            (letter, byte)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_stand_for_bytes() {
        let json = r#"{"model": {"vocab": {"Ġfour": 0, "a": 1, "Ċ": 2, "Ã©": 3, "Ń": 4}}}"#;
        let tokens = token_bytes(json.as_bytes(), 5).unwrap();
        assert_eq!(tokens[0], b" four");
        assert_eq!(tokens[2], b"\n");
        assert_eq!(tokens[3], "é".as_bytes());
        assert_eq!(tokens[4], [0xAD]);
    }

    #[test]
    fn what_is_no_tokenizer_is_refused() {
        assert!(token_bytes(b"{}", 1).unwrap_err().contains("model.vocab"));
        let gaps = r#"{"model": {"vocab": {"a": 0}}}"#;
        assert!(token_bytes(gaps.as_bytes(), 9).is_err());
        let plain = r#"{"model": {"vocab": {"a b": 0}}}"#;
        assert!(token_bytes(plain.as_bytes(), 1).is_err());
    }
}
