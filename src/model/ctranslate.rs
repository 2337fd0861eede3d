//! Reads the weights file of CTranslate2 (`model.bin`, binary version 6).
//!
//! ```text
//! u32 version, text specification, u32 revision, u32 count
//! count x { text name, u8 rank, rank x u32 size, u8 type, u32 bytes, data }
//! u32 count x { text alias, text name }          text = u16 length with NUL, bytes, NUL
//! ```

use std::collections::BTreeMap;

use half::{bf16, f16};

use super::reader::{Malformed, Reader};

const VERSION: u32 = 6;
const SPECIFICATION: &str = "WhisperSpec";
/// More than any published model has.
const MOST_TENSORS: u32 = 10_000;
const HIGHEST_RANK: u8 = 4;

/// Element types, by CTranslate2's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Single = 0,
    Byte = 1,
    Short = 2,
    Integer = 3,
    Half = 4,
    Brain = 5,
}

impl Element {
    fn of(number: u8) -> Option<Self> {
        [
            Self::Single,
            Self::Byte,
            Self::Short,
            Self::Integer,
            Self::Half,
            Self::Brain,
        ]
        .into_iter()
        .find(|element| *element as u8 == number)
    }

    fn bytes(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::Short | Self::Half | Self::Brain => 2,
            Self::Single | Self::Integer => 4,
        }
    }
}

/// One variable: a view into the file.
#[derive(Debug, Clone)]
struct Variable<'a> {
    sizes: Vec<usize>,
    element: Element,
    data: &'a [u8],
    offset: usize,
}

/// All variables of a file.
#[derive(Debug)]
pub(super) struct Weights<'a> {
    variables: BTreeMap<&'a str, Variable<'a>>,
}

impl<'a> Weights<'a> {
    /// Reads the whole file; every length is checked against what is there.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let at = reader.offset();
        let version = reader.u32("the version")?;
        if version != VERSION {
            return Err(Malformed {
                offset: at,
                problem: format!(
                    "expected a CTranslate2 model of binary version {VERSION}, found {version}"
                ),
            });
        }
        let at = reader.offset();
        let specification = text(&mut reader, "the specification's name")?;
        if specification != SPECIFICATION {
            return Err(Malformed {
                offset: at,
                problem: format!(
                    "expected a Whisper model ({SPECIFICATION}), found `{}`",
                    specification.escape_debug()
                ),
            });
        }
        reader.u32("the revision")?;
        let at = reader.offset();
        let count = reader.u32("the number of variables")?;
        if count > MOST_TENSORS {
            return Err(Malformed {
                offset: at,
                problem: format!("{count} variables; at most {MOST_TENSORS} expected"),
            });
        }
        let mut variables = BTreeMap::new();
        for _ in 0..count {
            let (name, variable) = variable(&mut reader)?;
            variables.insert(name, variable);
        }
        let aliases = reader.u32("the number of aliases")?;
        for _ in 0..aliases.min(MOST_TENSORS) {
            let alias = text(&mut reader, "an alias")?;
            let name = text(&mut reader, "an alias's target")?;
            if let Some(target) = variables.get(name).cloned() {
                variables.insert(alias, target);
            }
        }
        if reader.left() > 0 {
            return Err(Malformed {
                offset: reader.offset(),
                problem: format!("{} bytes after the end of the model", reader.left()),
            });
        }
        Ok(Self { variables })
    }

    fn get(&self, name: &str) -> Result<&Variable<'a>, Malformed> {
        self.variables.get(name).ok_or_else(|| Malformed {
            offset: 0,
            problem: format!("the variable `{name}` is missing"),
        })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    /// A variable's sizes, slowest varying first.
    pub(super) fn sizes(&self, name: &str) -> Result<&[usize], Malformed> {
        Ok(&self.get(name)?.sizes)
    }

    /// A whole number kept as a scalar.
    pub(super) fn scalar(&self, name: &str) -> Result<usize, Malformed> {
        let variable = self.get(name)?;
        let value = match (variable.element, variable.data) {
            (Element::Byte, [a]) => i64::from(*a as i8),
            (Element::Short, [a, b]) => i64::from(i16::from_le_bytes([*a, *b])),
            (Element::Integer, [a, b, c, d]) => i64::from(i32::from_le_bytes([*a, *b, *c, *d])),
            _ => -1,
        };
        usize::try_from(value).map_err(|_| Malformed {
            offset: variable.offset,
            problem: format!("expected a whole number in `{name}`"),
        })
    }

    /// The elements of a variable whose sizes are known, as 32-bit floats.
    pub(super) fn floats(&self, name: &str, sizes: &[usize]) -> Result<Vec<f32>, Malformed> {
        let variable = self.get(name)?;
        if variable.sizes != sizes {
            return Err(Malformed {
                offset: variable.offset,
                problem: format!(
                    "`{name}` has sizes {:?}, expected {sizes:?}",
                    variable.sizes
                ),
            });
        }
        let data = variable.data;
        let floats: Vec<f32> = match variable.element {
            Element::Single => data
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
            Element::Half => data
                .chunks_exact(2)
                .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect(),
            Element::Brain => data
                .chunks_exact(2)
                .map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect(),
            Element::Byte | Element::Short | Element::Integer => {
                return Err(Malformed {
                    offset: variable.offset,
                    problem: format!(
                        "`{name}` is quantised; only models in 16-bit or 32-bit floats can be imported"
                    ),
                });
            }
        };
        if floats.iter().any(|value| !value.is_finite()) {
            return Err(Malformed {
                offset: variable.offset,
                problem: format!("`{name}` holds a value that is not a finite number"),
            });
        }
        Ok(floats)
    }
}

fn text<'a>(reader: &mut Reader<'a>, what: &str) -> Result<&'a str, Malformed> {
    let at = reader.offset();
    let length = usize::from(reader.u16(what)?);
    let bytes = reader.take(length, what)?;
    bytes
        .strip_suffix(&[0])
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .ok_or_else(|| Malformed {
            offset: at,
            problem: format!("expected {what} as text"),
        })
}

fn variable<'a>(reader: &mut Reader<'a>) -> Result<(&'a str, Variable<'a>), Malformed> {
    let name = text(reader, "a variable's name")?;
    let at = reader.offset();
    let rank = reader.u8("a variable's rank")?;
    if rank > HIGHEST_RANK {
        return Err(Malformed {
            offset: at,
            problem: format!("a variable of rank {rank}; at most {HIGHEST_RANK} expected"),
        });
    }
    let mut sizes = Vec::new();
    for _ in 0..rank {
        sizes.push(reader.u32("a variable's size")? as usize);
    }
    let at = reader.offset();
    let number = reader.u8("a variable's type")?;
    let element = Element::of(number).ok_or_else(|| Malformed {
        offset: at,
        problem: format!("unknown element type {number}"),
    })?;
    let at = reader.offset();
    let length = reader.u32("a variable's length")? as usize;
    let expected = sizes
        .iter()
        .try_fold(element.bytes(), |product, size| product.checked_mul(*size));
    if expected != Some(length) {
        return Err(Malformed {
            offset: at,
            problem: format!("a variable of sizes {sizes:?} has {length} bytes"),
        });
    }
    let offset = reader.offset();
    let data = reader.take(length, "a variable's data")?;
    Ok((
        name,
        Variable {
            sizes,
            element,
            data,
            offset,
        },
    ))
}
