//! The command line: what each command is told. A file below says what it does.

mod backup;
mod demo;
mod doctor;
mod files;
mod health;
mod import;
mod infer;
mod keys;
mod restore;
mod serve;

use std::fmt::Write as _;
use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};

use self::serve::Signals;
use crate::settings::{CONFIG_VARIABLE, Effective, Sources, Umask, effective, load, reference};
use crate::store::{EngineRelease, engine_linkage};
use crate::telemetry::{self, LogFormat};

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
    /// Shows, checks or describes the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Says whether the server of this configuration is ready, for container runtimes. Exit code 1 when it is not.
    Health(ServeArguments),
    /// Serves a fresh store, loads real flights into it, and shows each call with its answer.
    Demo(DemoArguments),
    /// Makes, lists and revokes the keys of clients. A running server follows within half a second.
    Keys(KeysArguments),
    /// Loads records of files and other inputs into a running server. Exit code 1 when some were not taken.
    Import(Box<import::ImportArguments>),
    /// Proposes a schema that takes the records of files and other inputs, and says why it is as it is.
    Infer(infer::InferArguments),
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

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Prints every setting as `eider serve` would use it, and where its value comes from; secrets are masked.
    Show(ServeArguments),
    /// Says whether a file is valid, together with the environment.
    Check {
        /// Configuration file in TOML.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Prints the JSON Schema of a configuration file, for editors and validators.
    Schema,
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

impl ServeArguments {
    fn sources(&self) -> Sources {
        let mut flags = Vec::new();
        if let Some(listen) = &self.listen {
            flags.push(("server.listen", listen.clone()));
        }
        flags.extend(self.data_dir.iter().map(|directory| data_dir_flag(directory)));
        if let Some(format) = self.log_format {
            flags.push(("log.format", format!("{format:?}").to_ascii_lowercase()));
        }
        Sources { file: self.config.clone(), flags }
    }
}

/// Runs the command line of the process.
pub fn run() -> ExitCode {
    let command_line = CommandLine::try_parse().unwrap_or_else(|error| {
        if error.kind() == ErrorKind::DisplayVersion {
            let shown = writeln!(stdout(), "{}", version());
            std::process::exit(i32::from(shown.is_err()));
        }
        error.exit()
    });
    match execute(command_line.command) {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to do when standard error is closed.
            let _ = writeln!(stderr(), "eider: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The release and the commit of this program, the engine that it runs with, and how that is linked.
fn version() -> String {
    let engine = EngineRelease::linked().map_or_else(|error| format!("unknown ({error})"), |engine| engine.to_string());
    let (release, commit) = (env!("CARGO_PKG_VERSION"), env!("EIDER_COMMIT"));
    format!("eider {release} ({commit}), DuckDB {engine}, {}", engine_linkage())
}

/// Runs a command; how the program ends.
fn execute(command: Command) -> Result<ExitCode> {
    Umask::default().apply();
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    match command {
        Command::Serve(arguments) => {
            let signals = runtime.block_on(async { Signals::listen() })?;
            let sources = arguments.sources();
            let settings = sources.load()?;
            settings.process.umask.apply();
            let telemetry = telemetry::init(&settings.telemetry)?;
            let served = runtime.block_on(serve::serve(settings, sources, &telemetry, signals));
            telemetry.close();
            // A thread that waits for a client, or for an engine that has stopped, does not keep the process.
            runtime.shutdown_timeout(Duration::from_secs(5));
            served?;
        }
        Command::Health(arguments) => runtime.block_on(health::check(&arguments.sources().load()?))?,
        Command::Config(ConfigCommand::Show(arguments)) => show(&arguments)?,
        Command::Config(ConfigCommand::Check { file }) => {
            load(Some(&file), &[])?;
            writeln!(stdout(), "{} is valid", file.display()).context("cannot write")?;
        }
        Command::Config(ConfigCommand::Schema) => {
            writeln!(stdout(), "{:#}", reference::json_schema()).context("cannot write")?;
        }
        Command::Keys(KeysArguments { command, data_dir, config }) => {
            let flags: Vec<_> = data_dir.iter().map(|directory| data_dir_flag(directory)).collect();
            command.run(load(config.as_deref(), &flags)?.process.data_dir)?;
        }
        Command::Demo(arguments) => runtime.block_on(demo::run(arguments.listen, arguments.data_dir))?,
        Command::Import(arguments) => return Ok(runtime.block_on(import::run(*arguments))),
        Command::Infer(arguments) => return Ok(runtime.block_on(infer::run(arguments))),
        Command::Backup(arguments) => runtime.block_on(backup::run(arguments))?,
        Command::Restore(arguments) => restore::run(&arguments)?,
        Command::Doctor(arguments) => {
            return Ok(if doctor::run(&arguments)? { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the settings as TOML that can be used as a file, each with the layer that it comes from.
fn show(arguments: &ServeArguments) -> Result<()> {
    let mut section = String::new();
    let mut text = String::new();
    for Effective { key, value, source } in effective(&arguments.sources())? {
        let (its_section, name) = key.split_once('.').unwrap_or_default();
        if its_section != section {
            let blank = if section.is_empty() { "" } else { "\n" };
            writeln!(text, "{blank}[{its_section}]")?;
            its_section.clone_into(&mut section);
        }
        writeln!(text, "{:<48} # {source}", format!("{name} = {value}"))?;
    }
    stdout().write_all(text.as_bytes()).context("cannot write")
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
