//! Links the engine.

#[path = "../store-duckdb/engine/link.rs"]
mod link;

fn main() {
    println!("cargo:rerun-if-changed=../store-duckdb/engine/link.rs");
    link::link_engine();
}
