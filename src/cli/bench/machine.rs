//! What machine a figure is of.

use procfs::{CpuInfo, Current};
use serde::Serialize;

/// A machine's processor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Machine {
    /// Its name.
    pub(super) cpu: String,
    /// How many cores this process may use.
    pub(super) cores: usize,
}

impl Machine {
    /// This one.
    pub(super) fn this() -> Self {
        let told = CpuInfo::current().ok();
        // Arm's processors have no name there.
        let name = told
            .as_ref()
            .and_then(|cpu| cpu.model_name(0))
            .unwrap_or(std::env::consts::ARCH);
        Self {
            cpu: name.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// It in words.
    pub(super) fn title(&self) -> String {
        format!("{}, {} cores", self.cpu, self.cores)
    }
}
