//! The command line.

use std::io::{Write, stderr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::configuration::{CONFIG_VARIABLE, load};
use crate::settings::{LogFormat, Settings};
use crate::{backup, demo, doctor, restore, serve, telemetry};

/// An embedded analytical record store with a streaming REST API.
#[derive(Debug, Parser)]
#[command(name = "eider", version, propagate_version = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the API until SIGTERM or Ctrl-C.
    Serve(ServeArguments),
    /// Serves a fresh store, loads real flights into it, and shows each call with its answer.
    Demo(DemoArguments),
    /// Copies everything of a running server, or of a data directory, into a directory.
    Backup(backup::BackupArguments),
    /// Makes a data directory of a backup.
    Restore(restore::RestoreArguments),
    /// Checks the file of a data directory or of a backup, and changes nothing. Exit code 1 when something is wrong.
    Doctor(doctor::DoctorArguments),
}

#[derive(Debug, Args)]
struct ServeArguments {
    /// Address to listen on; port 0 picks a free one [default: 127.0.0.1:8080, or `EIDER_LISTEN`].
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Directory of the data [default: ./data, or `EIDER_DATA_DIR`].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Configuration file in TOML; see config/default.toml for every key.
    #[arg(long, value_name = "FILE", env = CONFIG_VARIABLE)]
    config: Option<PathBuf>,
    /// How log lines look.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

#[derive(Debug, Args)]
struct DemoArguments {
    /// Address to listen on; if it is taken, a free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    listen: std::net::SocketAddr,
    /// A new directory for the data, which is kept; without it a temporary one.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Runs the command line of the process.
pub fn run() -> ExitCode {
    match execute(CommandLine::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nothing is left to do when standard error is closed.
            let _ = writeln!(stderr(), "eider: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether what was asked for is so.
fn execute(command: Command) -> Result<bool> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    match command {
        Command::Serve(arguments) => {
            let settings = settings_of(&arguments)?;
            telemetry::init(&settings.log)?;
            runtime.block_on(serve::serve(&settings))?;
        }
        Command::Demo(arguments) => runtime.block_on(demo::run(arguments.listen, arguments.data_dir))?,
        Command::Backup(arguments) => runtime.block_on(backup::run(arguments))?,
        Command::Restore(arguments) => restore::run(&arguments)?,
        Command::Doctor(arguments) => return doctor::run(&arguments),
    }
    Ok(true)
}

fn settings_of(arguments: &ServeArguments) -> Result<Settings> {
    let mut flags = Vec::new();
    if let Some(listen) = &arguments.listen {
        flags.push(("server.listen", listen.clone()));
    }
    if let Some(data_dir) = &arguments.data_dir {
        flags.push(("storage.data_dir", data_dir.to_string_lossy().into_owned()));
    }
    if let Some(format) = arguments.log_format {
        flags.push(("log.format", format!("{format:?}").to_ascii_lowercase()));
    }
    load(arguments.config.as_deref(), &flags)
}

/// The help of a command, or of the program; for tests of the documentation.
pub fn help_of(command: Option<&str>) -> String {
    let mut program = CommandLine::command().term_width(100);
    let found = match command {
        None => Some(&mut program),
        Some(name) => program.find_subcommand_mut(name),
    };
    found.map(|command| command.render_long_help().to_string()).unwrap_or_default()
}
