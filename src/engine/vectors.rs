//! How wide the loops of CTranslate2 are.
//!
//! It has them for 512-bit vectors, and leaves them off unless told: on the first processors with such vectors they
//! slowed down everything else. oneDNN, which does most of the work here, uses them in any case, so nothing is left to
//! be slowed down; a window costs 4 to 6 percent less with them.

/// Where CTranslate2 reads it, once.
const VARIABLE: &str = "CT2_FORCE_CPU_ISA";

/// Asks for the widest vectors that the processor has, unless the environment says otherwise. To be called first of all,
/// while the process has one thread.
#[expect(
    unsafe_code,
    reason = "the library takes this setting from the environment alone"
)]
pub fn use_widest() {
    if has_wide() && std::env::var_os(VARIABLE).is_none() {
        // SAFETY: no other thread reads the environment meanwhile, as there is none.
        unsafe { std::env::set_var(VARIABLE, "AVX512") }
    }
}

/// What the library wants of a processor before it uses 512 bits; it refuses to work if they are asked for in vain.
#[cfg(target_arch = "x86_64")]
fn has_wide() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_wide() -> bool {
    false
}
