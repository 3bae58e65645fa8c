//! Configuration, telemetry, wiring and command line of the `eider` binary.

pub mod command_line;
pub mod configuration;
mod demo;
mod keys;
mod memory;
mod serve;
pub mod settings;
mod telemetry;
