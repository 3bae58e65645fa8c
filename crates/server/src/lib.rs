//! Configuration, telemetry, wiring and command line of the `eider` binary.

mod backup;
pub mod command_line;
pub mod configuration;
mod demo;
mod doctor;
mod files;
mod health;
mod import;
mod keys;
mod memory;
pub mod reload;
mod restore;
mod serve;
pub mod settings;
mod telemetry;
