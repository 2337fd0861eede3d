//! What `--sweep` asks for: the holds that the same calls are replayed with.

use std::str::FromStr;

use crate::audio::MediaTime;
use crate::config::HOLD_SECONDS;

/// Holds in the order given, each once.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Holds(pub(super) Vec<MediaTime>);

impl FromStr for Holds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(values) = text.strip_prefix("hold=") else {
            return Err("expected hold=SECONDS,SECONDS,... such as hold=2,4,6,8".into());
        };
        let mut holds = Vec::new();
        for value in values.split(',') {
            let seconds: f64 = value
                .trim()
                .parse()
                .ok()
                .filter(|seconds| HOLD_SECONDS.contains(seconds))
                .ok_or_else(|| {
                    format!(
                        "{value:?} is no hold; expected {} to {} seconds, as in hold=2,4,6,8",
                        HOLD_SECONDS.start(),
                        HOLD_SECONDS.end()
                    )
                })?;
            let hold = MediaTime::from_seconds(seconds);
            if holds.contains(&hold) {
                return Err(format!("hold {seconds} is given twice; expected each once"));
            }
            holds.push(hold);
        }
        Ok(Self(holds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[f64], &str>) {
        let parsed: Result<Holds, String> = text.parse();
        match (parsed, expected) {
            (Ok(Holds(holds)), Ok(expected)) => {
                let seconds: Vec<f64> = holds.iter().map(|hold| hold.seconds()).collect();
                assert_eq!(seconds, expected, "{text}");
            }
            (Err(problem), Err(expected)) => assert!(problem.contains(expected), "{problem}"),
            (parsed, _) => panic!("{text}: {parsed:?}"),
        }
    }

    #[test]
    fn holds_are_read() {
        check("hold=2,4,6,8", Ok(&[2.0, 4.0, 6.0, 8.0]));
        check("hold=2.5", Ok(&[2.5]));
        check("hold=60, 2", Ok(&[60.0, 2.0]));
    }

    #[test]
    fn what_was_expected_is_told() {
        check("2,4", Err("expected hold=SECONDS"));
        check("workers=2", Err("expected hold=SECONDS"));
        check("hold=", Err("\"\" is no hold; expected 2 to 60 seconds"));
        check("hold=2,,4", Err("\"\" is no hold"));
        check("hold=1", Err("\"1\" is no hold"));
        check("hold=2,61", Err("\"61\" is no hold"));
        check("hold=NaN", Err("\"NaN\" is no hold"));
        check("hold=4,4.0", Err("hold 4 is given twice"));
    }
}
