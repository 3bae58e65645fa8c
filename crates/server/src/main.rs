//! The `eider` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    eider::command::run()
}
