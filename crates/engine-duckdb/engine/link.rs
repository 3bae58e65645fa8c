//! What the build script of every package that links the engine does.

/// Has the binaries of this package look for a `libduckdb` beside themselves, then where it was when they were built.
/// With the feature `bundled` there is nothing to look for.
pub(crate) fn link_engine() {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    if std::env::var_os("CARGO_FEATURE_BUNDLED").is_some() {
        return;
    }
    let Some(directory) = std::env::var_os("DUCKDB_LIB_DIR") else { return };
    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let beside = if target == "macos" { "@loader_path" } else { "$ORIGIN" };
    println!("cargo:rustc-link-arg=-Wl,-rpath,{beside}");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", directory.display());
}
