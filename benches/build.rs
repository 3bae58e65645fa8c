//! Links the engine.

#[path = "../crates/engine-duckdb/engine/link.rs"]
mod link;

fn main() {
    println!("cargo:rerun-if-changed=../crates/engine-duckdb/engine/link.rs");
    link::link_engine();
}
