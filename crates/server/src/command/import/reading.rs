//! The flags that say how a file is to be read: one for each option of bulk calls, of the same name.

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};
use eider_application::ingest::{READ_OPTIONS, ReadOption, ReadOptions};

/// The options that the flags come to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading(pub(crate) ReadOptions);

impl Args for Reading {
    fn augment_args(command: Command) -> Command {
        let flag = |command: Command, option: &ReadOption| {
            let help = option.meaning.trim_end_matches('.');
            command.arg(Arg::new(option.name).long(option.name).value_name(option.value).help(help))
        };
        READ_OPTIONS.iter().fold(command, flag)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Reading {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut reading = Self::default();
        reading.update_from_arg_matches(matches)?;
        Ok(reading)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for option in READ_OPTIONS {
            if let Some(text) = matches.get_one::<String>(option.name) {
                let refused = |error| Error::raw(ErrorKind::ValueValidation, format!("{error}\n"));
                self.0.set(option.name, text).map_err(refused)?;
            }
        }
        Ok(())
    }
}
