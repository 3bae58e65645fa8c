//! Configuration, telemetry, wiring and command line of the `eider` binary.

mod backup;
pub mod command_line;
pub mod configuration;
mod demo;
mod doctor;
mod memory;
mod restore;
mod serve;
pub mod settings;
mod telemetry;
