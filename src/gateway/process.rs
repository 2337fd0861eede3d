//! How the process protects itself: no core dumps, enough file descriptors, panics without their text.

use std::sync::Once;

use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};

/// Keeps memory out of core dumps and away from other processes of the same user: held audio and text
/// would be in it.
pub fn forbid_core_dumps() -> std::io::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    prctl::set_dumpable(false)?;
    Ok(())
}

/// Has a write beyond the limit of file sizes fail like one to a full disk: by default its signal kills the process,
/// and every call with it. Only threads that are started after this are safe from it.
pub fn survive_file_size_limit() -> std::io::Result<()> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGXFSZ);
    signals.thread_block()?;
    Ok(())
}

/// Raises the limit of open files towards `wanted`; returns the limit that holds.
pub fn allow_open_files(wanted: u64) -> std::io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let target = wanted.clamp(soft.min(hard), hard);
    if target > soft {
        setrlimit(Resource::RLIMIT_NOFILE, target, hard)?;
    }
    Ok(target.max(soft))
}

/// Has this process terminated when its parent dies, so that no orphan keeps the port.
pub fn end_with_parent() -> std::io::Result<()> {
    prctl::set_pdeathsig(Signal::SIGTERM)?;
    Ok(())
}

/// Logs where a thread panicked, not the message: a message may quote what was heard.
pub fn hide_panic_messages() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map_or_else(
                || "an unknown place".to_owned(),
                |place| format!("{}:{}", place.file(), place.line()),
            );
            let thread = std::thread::current();
            tracing::error!(thread = thread.name(), place, "a thread panicked");
        }));
    });
}
