//! Links the engine.

#[path = "../engine-duckdb/engine/link.rs"]
mod link;

fn main() {
    println!("cargo:rerun-if-changed=../engine-duckdb/engine/link.rs");
    link::link_engine();
}
