//! The command line.

use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::configuration::{CONFIG_VARIABLE, load};
use crate::settings::{LogFormat, Settings};
use crate::{demo, keys, serve, telemetry};

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
    /// Makes, lists and revokes the keys of clients. A running server follows within half a second.
    Keys(KeysArguments),
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
struct KeysArguments {
    #[command(subcommand)]
    command: keys::Command,
    /// Directory of the data [default: ./data, or `EIDER_DATA_DIR`].
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// Configuration file in TOML, for its `storage.data_dir`.
    #[arg(long, value_name = "FILE", env = CONFIG_VARIABLE, global = true)]
    config: Option<PathBuf>,
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
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when standard error is closed.
            let _ = writeln!(stderr(), "eider: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    match command {
        Command::Serve(arguments) => {
            let settings = settings_of(&arguments)?;
            telemetry::init(&settings.log)?;
            runtime.block_on(serve::serve(&settings))
        }
        Command::Keys(KeysArguments { command, data_dir, config }) => {
            let flags: Vec<_> = data_dir.iter().map(|directory| data_dir_flag(directory)).collect();
            command.run(load(config.as_deref(), &flags)?.storage.data_dir)
        }
        Command::Demo(arguments) => runtime.block_on(demo::run(arguments.listen, arguments.data_dir)),
    }
}

fn settings_of(arguments: &ServeArguments) -> Result<Settings> {
    let mut flags = Vec::new();
    if let Some(listen) = &arguments.listen {
        flags.push(("server.listen", listen.clone()));
    }
    if let Some(data_dir) = &arguments.data_dir {
        flags.push(data_dir_flag(data_dir));
    }
    if let Some(format) = arguments.log_format {
        flags.push(("log.format", format!("{format:?}").to_ascii_lowercase()));
    }
    load(arguments.config.as_deref(), &flags)
}

fn data_dir_flag(directory: &Path) -> (&'static str, String) {
    ("storage.data_dir", directory.to_string_lossy().into_owned())
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
