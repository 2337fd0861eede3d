//! What the linker is told.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_CTRANSLATE2").is_some() {
        // `engine::ctranslate::products` goes before oneDNN's function.
        println!("cargo::rustc-link-arg=-Wl,--wrap=dnnl_gemm_u8s8s32");
    }
}
