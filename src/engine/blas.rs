//! The number of threads of the linear algebra library.
//!
//! OpenBLAS would start a thread for every processor inside every recogniser; with as many recognisers
//! as processors they wait for one another, on a busy machine for minutes.

use std::ffi::c_int;

#[expect(
    unsafe_code,
    reason = "OpenBLAS has no Rust interface for its number of threads"
)]
mod library {
    use super::c_int;

    // SAFETY of the declarations: these are the prototypes of OpenBLAS's `cblas.h`.
    unsafe extern "C" {
        fn openblas_set_num_threads(threads: c_int);
        fn openblas_get_num_threads() -> c_int;
    }

    pub(super) fn set(threads: c_int) {
        // SAFETY: takes a plain number, has no other precondition, and may be called at any time.
        unsafe { openblas_set_num_threads(threads) }
    }

    pub(super) fn get() -> c_int {
        // SAFETY: takes nothing and reads one number.
        unsafe { openblas_get_num_threads() }
    }
}

/// Makes every calculation run on the thread that asks for it.
pub fn use_one_thread() {
    library::set(1);
}

/// How many threads a calculation may use.
pub fn threads() -> usize {
    usize::try_from(library::get()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_thread_is_used_when_asked_for() {
        super::use_one_thread();
        assert_eq!(super::threads(), 1);
    }
}
