//! Links the engine.

#[path = "../crates/store-duckdb/engine/link.rs"]
mod link;

fn main() {
    println!("cargo:rerun-if-changed=../crates/store-duckdb/engine/link.rs");
    link::link_engine();
}
