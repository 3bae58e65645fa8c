//! Hands the pinned release of the engine to the code, and links the engine.

#[path = "engine/link.rs"]
mod link;

/// The lines `KEY=VALUE` that say which engine is wanted.
const PIN: &str = "engine/pin.env";

fn main() {
    println!("cargo:rerun-if-changed={PIN}");
    println!("cargo:rerun-if-changed=engine/link.rs");
    let pin = std::fs::read_to_string(PIN).expect("engine/pin.env can be read");
    for key in ["ENGINE_VERSION", "ENGINE_COMMIT"] {
        let value = pin.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        println!("cargo:rustc-env={key}={}", value.unwrap_or_else(|| panic!("{PIN} does not say {key}")));
    }
    link::link_engine();

    let has = |feature| std::env::var_os(feature).is_some();
    if has("CARGO_FEATURE_BUNDLED") {
        return;
    }
    assert!(
        has("CARGO_FEATURE_PREBUILT"),
        "choose where the engine comes from: the feature `bundled` compiles it, `prebuilt` links the one in DUCKDB_LIB_DIR"
    );
    assert!(
        has("DUCKDB_LIB_DIR"),
        "the feature `prebuilt` links the engine in DUCKDB_LIB_DIR, which is not set; `./dev build` finds one and sets it"
    );
}
