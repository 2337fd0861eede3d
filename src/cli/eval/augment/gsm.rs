//! GSM 06.10 full rate, coded and decoded by `sox`, which must be installed.
//!
//! No library of this language codes it and is well kept. Audio goes through pipes, never through files.

use std::io::Write;
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

/// The program.
const SOX: &str = "sox";

/// Why audio could not be coded.
#[derive(Debug, thiserror::Error)]
pub(super) enum GsmError {
    /// The program is not there, or was built without the codec.
    #[error(
        "--augment codec: {found}; install sox with its GSM format (Debian: apt-get install sox), \
         or leave codec out"
    )]
    Missing {
        /// What is wrong.
        found: String,
    },
    /// The program stopped half-way.
    #[error("sox: {cause}")]
    Broken {
        /// What the system said.
        cause: std::io::Error,
    },
    /// The program refused.
    #[error("sox ended with {status}: {said}")]
    Refused {
        /// Its exit status.
        status: std::process::ExitStatus,
        /// The last line it printed.
        said: String,
    },
}

/// Fails unless the program is there and knows the codec.
pub(super) fn check() -> Result<(), GsmError> {
    let missing = |found: String| GsmError::Missing { found };
    let help = Command::new(SOX)
        .arg("--help")
        .stdin(Stdio::null())
        .output()
        .map_err(|cause| missing(format!("sox cannot be run ({cause})")))?;
    // The list of file formats is on one line.
    let text = String::from_utf8_lossy(&help.stdout);
    let formats = text.lines().find(|line| line.contains("FILE FORMATS"));
    if formats.is_some_and(|line| line.split_whitespace().any(|word| word == "gsm")) {
        Ok(())
    } else {
        Err(missing("this sox does not know the format gsm".into()))
    }
}

/// The samples of one leg after coding and decoding; as many as before.
pub(super) fn through(samples: &[i16], rate: u32) -> Result<Vec<i16>, GsmError> {
    let rate = rate.to_string();
    let linear = [
        "-t", "raw", "-e", "signed", "-b", "16", "-L", "-c", "1", "-r", &rate, "-",
    ];
    let coded = ["-t", "gsm", "-c", "1", "-r", "8000", "-"];
    let input = Zeroizing::new(
        samples
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect::<Vec<u8>>(),
    );
    let code = run(&linear, &coded, &input)?;
    let decoded = run(&coded, &linear, &code)?;
    let mut samples_after: Vec<i16> = decoded
        .chunks_exact(2)
        .map(|bytes| i16::from_le_bytes([bytes[0], bytes[1]]))
        .collect();
    // The last frame is padded; another rate may end a sample early.
    samples_after.resize(samples.len(), 0);
    Ok(samples_after)
}

/// Converts from one form to another, without dither, which would differ each time.
fn run(from: &[&str], to: &[&str], input: &[u8]) -> Result<Zeroizing<Vec<u8>>, GsmError> {
    let broken = |cause| GsmError::Broken { cause };
    let mut child = Command::new(SOX)
        .args(["-V1", "-D", "-R"])
        .args(from)
        .args(to)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(broken)?;
    let stdin = child.stdin.take();
    let (written, output) = std::thread::scope(|scope| {
        let writer = scope.spawn(move || stdin.map_or(Ok(()), |mut pipe| pipe.write_all(input)));
        let output = child.wait_with_output();
        let written = writer
            .join()
            .unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into()));
        (written, output)
    });
    let output = output.map_err(broken)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(GsmError::Refused {
            status: output.status,
            said: said.lines().last().unwrap_or_default().to_owned(),
        });
    }
    written.map_err(broken)?;
    Ok(Zeroizing::new(output.stdout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_with_its_remedy() {
        let error = GsmError::Missing {
            found: "sox cannot be run (not found)".into(),
        };
        assert_eq!(
            error.to_string(),
            "--augment codec: sox cannot be run (not found); install sox with its GSM format \
             (Debian: apt-get install sox), or leave codec out"
        );
    }

    #[test]
    fn coding_changes_little_and_not_the_length() {
        // Without sox there is nothing to try, but that is told.
        if let Err(error) = check() {
            assert!(matches!(error, GsmError::Missing { .. }));
            return;
        }
        let tone: Vec<i16> = (0..8_050)
            .map(|at| (f64::from(at) * 0.4).sin() * 8_000.0)
            .map(|sample| sample as i16)
            .collect();
        let coded = through(&tone, 8_000).unwrap();
        assert_eq!(coded.len(), tone.len());
        assert_ne!(coded, tone);
        assert_eq!(coded, through(&tone, 8_000).unwrap());
        let product: f64 = tone
            .iter()
            .zip(&coded)
            .map(|(&a, &b)| f64::from(a) * f64::from(b))
            .sum();
        assert!(product > 0.0, "aligned in time");
        assert_eq!(through(&tone, 16_000).unwrap().len(), tone.len());
    }
}
