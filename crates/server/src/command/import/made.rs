//! Records that are made while they are read: a thread writes them, and waits while nobody reads.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Bytes that are handed over at once.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces that wait to be read.
const WAITING: usize = 4;

/// What is handed over; `None` behind the last piece.
type Piece = io::Result<Option<Vec<u8>>>;

/// Reads what `make` writes, on a thread of its own. An error of it is one of reading; once this is dropped, writing
/// fails.
///
/// # Errors
/// When there can be no thread.
pub(super) fn reader_of(
    make: impl FnOnce(&mut dyn Write) -> anyhow::Result<()> + Send + 'static,
) -> io::Result<impl Read + Send> {
    let (sender, pieces) = sync_channel(WAITING);
    let work = move || {
        let mut writer = PieceWriter { sender: sender.clone(), piece: Vec::with_capacity(PIECE_BYTES) };
        let outcome = make(&mut writer).map_err(|error| io::Error::other(format!("{error:#}")));
        // Sending fails when nobody reads any more.
        let _ = sender.send(outcome.map(|()| Some(writer.piece))).and_then(|()| sender.send(Ok(None)));
    };
    thread::Builder::new().name("import".to_owned()).spawn(work)?;
    Ok(PieceReader { pieces, piece: Vec::new(), read: 0, is_ended: false })
}

struct PieceWriter {
    sender: SyncSender<Piece>,
    piece: Vec<u8>,
}

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES {
            let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
            self.sender.send(Ok(Some(piece))).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct PieceReader {
    pieces: Receiver<Piece>,
    piece: Vec<u8>,
    read: usize,
    is_ended: bool,
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.piece.len() && !self.is_ended {
            // A writer that panicked has not said that it was at its end.
            let broken = |_| io::Error::other("what makes records of it broke off");
            let piece = self.pieces.recv().map_err(broken)??;
            self.is_ended = piece.is_none();
            self.piece = piece.unwrap_or_default();
            self.read = 0;
        }
        let bytes = (&self.piece[self.read..]).read(buffer)?;
        self.read += bytes;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_its_failure_is_the_end() {
        let whole: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let written = whole.clone();
        let mut reader = reader_of(move |writer| {
            for piece in written.chunks(10_007) {
                writer.write_all(piece)?;
            }
            Ok(())
        })
        .unwrap();
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert!(read == whole);

        let mut reader = reader_of(|writer| {
            writer.write_all(b"begun")?;
            anyhow::bail!("row 7 is torn")
        })
        .unwrap();
        assert_eq!(reader.read_to_end(&mut Vec::new()).unwrap_err().to_string(), "row 7 is torn");
    }

    #[test]
    fn a_writer_whose_reader_is_gone_ends() {
        let (ended, end) = sync_channel(1);
        let reader = reader_of(move |writer| {
            let outcome = std::iter::repeat_with(|| writer.write_all(&[0; 4096])).find(Result::is_err);
            ended.send(outcome).unwrap();
            Ok(())
        })
        .unwrap();
        drop(reader);
        assert!(end.recv().unwrap().is_some());
    }

    #[test]
    fn a_writer_that_panics_is_no_end() {
        let mut reader = reader_of(|writer| {
            writer.write_all(b"begun")?;
            panic!("as a library may");
        })
        .unwrap();
        assert!(reader.read_to_end(&mut Vec::new()).is_err());
    }
}
