//! Tests of the testkit, of the architecture and of the tidiness of every crate.

mod architecture;
mod documents;
mod memory_store;
mod rooms;
mod tidy;
