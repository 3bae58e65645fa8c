//! Tests of the binary: what a person or a supervisor does with it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod backup;
mod command_line;
mod configuration;
mod consistency;
mod crash;
mod demo;
mod disk_full;
mod event_loop;
mod evolution;
mod import;
mod import_flags;
mod import_inputs;
mod import_resume;
mod import_tables;
mod keys;
mod logs;
mod monitoring;
mod odd_inputs;
mod operation;
mod process;
mod profile;
mod reload;
mod restore;
mod sample;
mod streams;
mod traces;
mod validations;
