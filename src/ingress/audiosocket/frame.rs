//! Cuts AudioSocket's frames out of a byte stream that comes in pieces of any length.
//!
//! **Architecture invariant:** at most one frame that is not whole is kept, and is wiped when dropped: memory
//! for it is taken once, so that no copy stays behind.

use zeroize::Zeroizing;

/// Bytes before the payload.
const HEADER: usize = 3;

/// The beginning of a frame whose rest has not come.
#[derive(Default)]
pub(super) struct Frames {
    partial: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Frames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frames({} bytes)", self.partial.len())
    }
}

impl Frames {
    /// The next whole frame's kind and payload, taken off the bytes. `None` leaves no bytes.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<(u8, Zeroizing<Vec<u8>>)> {
        loop {
            let length = frame_length(&self.partial);
            let lacking = length - self.partial.len();
            if lacking == 0 {
                let frame = std::mem::take(&mut self.partial);
                let (kind, payload) = (frame.first()?, frame.get(HEADER..)?);
                return Some((*kind, Zeroizing::new(payload.to_vec())));
            }
            if bytes.is_empty() {
                return None;
            }
            if self.partial.capacity() < length {
                let mut longer = Zeroizing::new(Vec::with_capacity(length));
                longer.extend_from_slice(&self.partial);
                self.partial = longer;
            }
            let (now, later) = bytes.split_at(lacking.min(bytes.len()));
            self.partial.extend_from_slice(now);
            *bytes = later;
        }
    }

    /// Whether no frame has begun.
    pub(super) fn is_at_border(&self) -> bool {
        self.partial.is_empty()
    }
}

/// How long a frame is, as far as is known from its beginning: at least one byte more, or it is whole.
fn frame_length(beginning: &[u8]) -> usize {
    match beginning {
        [_, high, low, ..] => HEADER + usize::from(u16::from_be_bytes([*high, *low])),
        _ => HEADER,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(pieces: &[&[u8]]) -> (Vec<(u8, Vec<u8>)>, usize) {
        let mut frames = Frames::default();
        let mut whole = Vec::new();
        for mut piece in pieces.iter().copied() {
            while let Some((kind, payload)) = frames.next(&mut piece) {
                whole.push((kind, payload.to_vec()));
            }
            assert!(piece.is_empty());
        }
        (whole, frames.partial.len())
    }

    #[test]
    fn frames_of_any_length_are_found() {
        let longest = [&[0x77, 0xFF, 0xFF][..], &vec![7; 65_535]].concat();
        assert_eq!(cut(&[&longest]), (vec![(0x77, vec![7; 65_535])], 0));
        assert_eq!(cut(&[&[0, 0, 0]]), (vec![(0, vec![])], 0));
        assert_eq!(
            cut(&[&[3, 0], &[1], &[b'1', 3, 0]]),
            (vec![(3, vec![b'1'])], 2)
        );
        assert_eq!(cut(&[&longest[..65_537]]), (vec![], 65_537));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            bytes in prop::collection::vec(0_u8..9, 0..400),
            cuts in prop::collection::vec(1_usize..20, 1..20),
        ) {
            let mut pieces = Vec::new();
            let mut rest = &bytes[..];
            for length in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*length).min(rest.len()));
                pieces.push(now);
                rest = later;
            }
            prop_assert_eq!(cut(&pieces), cut(&[&bytes]));
        }
    }
}
