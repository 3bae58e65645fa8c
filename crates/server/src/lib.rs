//! Configuration, telemetry, wiring and command line of the `eider` binary.

pub mod command;
mod memory;
pub mod settings;
mod store;
mod telemetry;
mod wiring;
