//! The thread that writes the log.

use std::path::PathBuf;
use std::sync::mpsc;

use eider_application::ports::{StoreError, StoreErrorKind};
use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::{Entry, SHRINK_ABOVE, log_error};
use crate::file::disk;

/// Bytes of entries that go into one transaction, unless the first is larger.
const MOST_BYTES: usize = 8 << 20;

/// What the thread is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    Append {
        entry: Entry,
        done: oneshot::Sender<Result<i64, StoreError>>,
    },
    /// Removes the entries of a schema up to this number in the log.
    Remove {
        schema_key: String,
        through: i64,
        done: Option<oneshot::Sender<Result<(), StoreError>>>,
    },
}

pub(super) struct Writer {
    connection: Connection,
    path: PathBuf,
    /// Bytes that have to be free on the disk before anything is written: what is in the log has to go into the table.
    least_free_bytes: u64,
}

impl Writer {
    pub(super) fn new(connection: Connection, path: PathBuf, least_free_bytes: u64) -> Self {
        Self { connection, path, least_free_bytes }
    }

    /// Does what is asked for until nobody is left to ask.
    pub(super) fn run(mut self, waiting: &mpsc::Receiver<Command>) {
        while let Ok(first) = waiting.recv() {
            let mut bytes = first.size();
            let mut commands = vec![first];
            while bytes < MOST_BYTES {
                let Ok(command) = waiting.try_recv() else { break };
                bytes += command.size();
                commands.push(command);
            }
            self.carry_out(commands);
        }
        self.shrink();
    }

    /// Runs everything in one transaction, and answers once it is on the disk.
    fn carry_out(&mut self, mut commands: Vec<Command>) {
        if let Err(error) = self.has_room() {
            let (refused, others) = commands.into_iter().partition(|command| matches!(command, Command::Append { .. }));
            answer_all(refused, &error);
            commands = others;
        }
        match self.commit(&commands) {
            Ok(ids) => commands.into_iter().zip(ids).for_each(|(command, id)| command.answer(Ok(id))),
            Err(error) => answer_all(commands, &log_error(&self.path, error)),
        }
    }

    /// For each command the number that its entry has in the log; 0 for those that remove.
    fn commit(&mut self, commands: &[Command]) -> Result<Vec<i64>, rusqlite::Error> {
        let transaction = self.connection.transaction()?;
        let run = |command: &Command| match command {
            Command::Append { entry, .. } => {
                let Entry { schema_key, first, last, gone, records, answers } = entry;
                transaction
                    .prepare_cached(
                        "INSERT INTO entries (schema, first, last, gone, records, answers, checksum) \
                         VALUES (?, ?, ?, ?, ?, ?, ?)",
                    )?
                    .insert(params![schema_key, first, last, gone, records, answers, entry.checksum()])
            }
            Command::Remove { schema_key, through, .. } => transaction
                .prepare_cached("DELETE FROM entries WHERE id <= ? AND schema = ?")?
                .execute(params![through, schema_key])
                .map(|_| 0),
        };
        let ids = commands.iter().map(run).collect::<Result<_, _>>()?;
        transaction.commit()?;
        Ok(ids)
    }

    fn has_room(&self) -> Result<(), StoreError> {
        let free = disk::free_bytes(&self.path).map_err(StoreError::of_disk)?;
        if free < self.least_free_bytes {
            let message = "the disk has no room to store what the log holds";
            return Err(StoreError::new(StoreErrorKind::StorageFull, message));
        }
        Ok(())
    }

    /// Gives back the room of a log that was large and is empty.
    fn shrink(&self) {
        let shrink = || {
            let entries: i64 = self.connection.query_row("SELECT count(*) FROM entries", [], |row| row.get(0))?;
            let bytes = std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
            if entries == 0 && bytes > SHRINK_ABOVE {
                self.connection.execute_batch("VACUUM")?;
            }
            Ok::<_, rusqlite::Error>(())
        };
        if let Err(error) = shrink() {
            tracing::warn!(%error, "the log of changes keeps its room on the disk");
        }
    }
}

impl Command {
    /// Bytes that it takes to the disk, about.
    fn size(&self) -> usize {
        match self {
            Self::Append { entry, .. } => entry.records.len() + entry.gone.len() + entry.answers.len(),
            Self::Remove { .. } => 0,
        }
    }

    /// Answers; who does not wait any more needs no answer.
    fn answer(self, outcome: Result<i64, StoreError>) {
        match self {
            Self::Append { done, .. } => {
                let _ = done.send(outcome);
            }
            Self::Remove { done: Some(done), .. } => {
                let _ = done.send(outcome.map(|_| ()));
            }
            Self::Remove { done: None, .. } => {
                if let Err(error) = outcome {
                    tracing::debug!(%error, "the log of changes keeps entries that are stored");
                }
            }
        }
    }
}

/// Answers all with the same error.
fn answer_all(commands: Vec<Command>, error: &StoreError) {
    for command in commands {
        command.answer(Err(StoreError::new(error.kind(), error.to_string())));
    }
}
