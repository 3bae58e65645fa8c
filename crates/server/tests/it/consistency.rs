//! A stream is one state of the data, in every format, whatever is committed while it is read.
//!
//! `STREAM_RECORDS` says how many records there are beside those that change, `STREAM_ROUNDS` how often they are streamed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_ipc::reader::StreamReader;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use reqwest::Method;
use serde_json::{Value as Json, json};
use tokio::time::{sleep, timeout};

use crate::process::{PATIENCE, Server, json_of};

const RECORDS: &str = "/api/v1/records/accounts";
const FORMATS: [&str; 4] = ["ndjson", "csv", "arrow", "parquet"];
/// Clients that write, each its own records.
const WRITERS: usize = 16;
/// Records of a writer. One call moves amounts between them.
const SLOTS: usize = 24;
/// What two neighbours have together in every step.
const SUM: i64 = 2_000;
/// The writer of the records that never change.
const NOBODY: i64 = -1;

/// Step and amount of each record of a writer, by slot.
type State = BTreeMap<i64, (i64, i64)>;

/// The states of a writer, each with the number of the commit that made it; the first is there from the beginning.
type History = Vec<(u64, State)>;

/// How many steps each writer has begun, and how many of them were acknowledged.
#[derive(Debug, Default)]
struct Progress {
    begun: [AtomicUsize; WRITERS],
    acknowledged: [AtomicUsize; WRITERS],
    is_over: AtomicBool,
}

fn steps(counters: &[AtomicUsize; WRITERS]) -> [usize; WRITERS] {
    counters.each_ref().map(|counter| counter.load(Ordering::SeqCst))
}

/// What a stream showed, and which steps the writers had made around it.
struct Seen {
    format: &'static str,
    states: Vec<State>,
    /// Acknowledged before it was asked for.
    before: [usize; WRITERS],
    /// Begun when its head was there.
    begun: [usize; WRITERS],
    /// Acknowledged before the rest of it was read.
    during: [usize; WRITERS],
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn id(writer: usize, slot: usize) -> String {
    uuid::Uuid::from_u128((writer as u128) << 64 | (1 << 63) | slot as u128).to_string()
}

/// All records of a writer after a step; neighbours have the same amount together in every step.
fn moved(writer: usize, step: usize) -> Vec<Json> {
    let record = |slot: usize| {
        let moved = i64::try_from(step * (slot / 2 + 1) % 997).unwrap();
        let amount = if slot.is_multiple_of(2) { 1_000 + moved } else { 1_000 - moved };
        json!({"id": id(writer, slot), "writer": writer, "slot": slot, "step": step, "amount": amount})
    };
    (0..SLOTS).map(record).collect()
}

/// Makes one step and adds the state behind it: every other one moves amounts between all of the records in one call,
/// and those that are missing come back; the others change one of them, or delete half of them.
async fn make_step(server: &Server, writer: usize, step: usize, history: &mut History) {
    let mut state = history.last().unwrap().1.clone();
    let commit_seq = if step % 2 == 1 {
        let records = moved(writer, step);
        state = records.iter().map(|r| (integer(&r["slot"]), (integer(&r["step"]), integer(&r["amount"])))).collect();
        let path = format!("{RECORDS}/bulk?on_conflict=replace");
        let receipt = json_of(server.post(&path, "application/json", Json::from(records).to_string()), 201).await;
        assert_eq!(receipt["failed"], 0, "{receipt}");
        integer(&receipt["commit_seq"])
    } else if step % 4 == 2 {
        let slot = step % (SLOTS / 2);
        state.get_mut(&i64::try_from(slot).unwrap()).unwrap().0 = i64::try_from(step).unwrap();
        let request = server.request(Method::PATCH, &format!("{RECORDS}/{}", id(writer, slot)));
        let response = request.json(&json!({"step": step})).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let commit_seq = response.headers()["eider-commit-seq"].to_str().unwrap().parse().unwrap();
        response.bytes().await.unwrap();
        commit_seq
    } else {
        state.retain(|slot, _| *slot < i64::try_from(SLOTS / 2).unwrap());
        let path = format!("{RECORDS}?writer.eq={writer}&slot.gte={}&max_affected={SLOTS}", SLOTS / 2);
        let receipt = json_of(server.request(Method::DELETE, &path), 200).await;
        assert_eq!(receipt["deleted"], SLOTS / 2, "{receipt}");
        integer(&receipt["commit_seq"])
    };
    history.push((u64::try_from(commit_seq).unwrap(), state));
}

/// Makes steps until the streams are over.
async fn write(server: Arc<Server>, writer: usize, progress: Arc<Progress>) -> History {
    let mut history = vec![(0, State::new())];
    while !progress.is_over.load(Ordering::SeqCst) {
        let step = progress.begun[writer].fetch_add(1, Ordering::SeqCst) + 1;
        make_step(&server, writer, step, &mut history).await;
        progress.acknowledged[writer].fetch_add(1, Ordering::SeqCst);
    }
    history
}

/// Waits until every writer has had so many more steps acknowledged.
async fn more_steps(progress: &Progress, more: usize) {
    let from = steps(&progress.acknowledged);
    let made = async {
        while steps(&progress.acknowledged).iter().zip(from).any(|(now, from)| *now < from + more) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, made).await.expect("the writers go on");
}

/// Streams everything, and has the writers go on between the head and the rest of it.
async fn stream(server: Arc<Server>, format: &'static str, records: usize, progress: Arc<Progress>) -> Seen {
    let path = format!("{RECORDS}/stream?format={format}&fields=writer,slot,step,amount");
    let before = steps(&progress.acknowledged);
    let response = server.get(&path).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let begun = steps(&progress.begun);
    more_steps(&progress, 2).await;
    let during = steps(&progress.acknowledged);
    let rows = decode(format, response.bytes().await.unwrap());

    let (unchanged, changing): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row[0] == NOBODY);
    let expected = (0..).take(records).map(|slot| [NOBODY, slot, 0, slot]);
    assert!(unchanged.into_iter().eq(expected), "{format}: records that never change come whole and in their order");
    let mut states = vec![State::new(); WRITERS];
    for [writer, slot, step, amount] in changing {
        let state = &mut states[usize::try_from(writer).unwrap()];
        assert_eq!(state.insert(slot, (step, amount)), None, "{format}: slot {slot} of writer {writer} comes twice");
    }
    Seen { format, states, before, begun, during }
}

fn integer(value: &Json) -> i64 {
    value.as_i64().unwrap()
}

/// The rows of a body: writer, slot, step, amount.
fn decode(format: &str, body: Bytes) -> Vec<[i64; 4]> {
    let text = || std::str::from_utf8(&body).unwrap();
    match format {
        "ndjson" => {
            let row = |line: &str| {
                let record: Json = serde_json::from_str(line).unwrap();
                ["writer", "slot", "step", "amount"].map(|name| integer(&record[name]))
            };
            text().lines().map(row).collect()
        }
        "csv" => {
            let row = |line: &str| {
                let cells: Vec<i64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
                cells.try_into().unwrap()
            };
            text().lines().skip(1).map(row).collect()
        }
        "arrow" => StreamReader::try_new(&body[..], None).unwrap().flat_map(|batch| rows(&batch.unwrap())).collect(),
        "parquet" => {
            let reader = ParquetRecordBatchReaderBuilder::try_new(body).unwrap().build().unwrap();
            reader.flat_map(|batch| rows(&batch.unwrap())).collect()
        }
        other => panic!("{other}"),
    }
}

fn rows(batch: &RecordBatch) -> Vec<[i64; 4]> {
    let columns = [0, 1, 2, 3].map(|column| batch.column(column).as_primitive::<Int64Type>());
    (0..batch.num_rows()).map(|row| columns.map(|column| column.value(row))).collect()
}

/// Asserts that a stream showed the state behind one commit, which lay between what was acknowledged before it was asked
/// for and what had begun when its head was there.
fn assert_is_one_state(seen: &Seen, histories: &[History]) {
    let Seen { format, states, before, begun, during } = seen;
    // The commits behind which each writer had the state that was seen.
    let (mut first, mut end) = (0, u64::MAX);
    for (writer, (state, history)) in states.iter().zip(histories).enumerate() {
        if state.len() == SLOTS {
            let amounts: Vec<i64> = state.values().map(|(_, amount)| *amount).collect();
            let is_kept = amounts.chunks(2).all(|pair| pair.iter().sum::<i64>() == SUM);
            assert!(is_kept, "{format}: amounts of writer {writer} are torn: {amounts:?}");
        }
        let step = history.iter().position(|(_, made)| made == state);
        let step = step.unwrap_or_else(|| panic!("{format}: writer {writer} never had the records {state:?}"));
        assert!((before[writer]..=begun[writer]).contains(&step), "{format}: step {step} of writer {writer}");
        assert!(step < during[writer], "{format}: writer {writer} committed nothing meanwhile");
        first = first.max(history[step].0);
        end = end.min(history.get(step + 1).map_or(u64::MAX, |(commit_seq, _)| *commit_seq));
    }
    assert!(first < end, "{format}: shows commit {first}, and not commit {end}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_one_state_whatever_is_committed_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let server = Arc::new(Server::start(directory.path()));
    let properties = ["writer", "slot", "step", "amount"].map(|name| json!({"name": name, "type": "integer"}));
    let schema = json!({"name": "accounts", "properties": properties});
    json_of(server.post("/api/v1/schemas", "application/json", schema.to_string()), 201).await;
    let records = setting("STREAM_RECORDS", 300_000);
    let record = |n| json!({"writer": NOBODY, "slot": n, "step": 0, "amount": n}).to_string();
    let lines = (0..records).map(record).collect::<Vec<_>>().join("\n");
    json_of(server.post(&format!("{RECORDS}/bulk"), "application/x-ndjson", lines), 201).await;

    let progress = Arc::new(Progress::default());
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| tokio::spawn(write(Arc::clone(&server), writer, Arc::clone(&progress)))).collect();
    more_steps(&progress, 1).await;
    let mut seen = Vec::new();
    for _ in 0..setting("STREAM_ROUNDS", 3) {
        let streams =
            FORMATS.map(|format| tokio::spawn(stream(Arc::clone(&server), format, records, Arc::clone(&progress))));
        for stream in streams {
            seen.push(stream.await.unwrap());
        }
    }
    progress.is_over.store(true, Ordering::SeqCst);
    let mut histories = Vec::new();
    for writer in writers {
        histories.push(writer.await.unwrap());
    }
    for seen in &seen {
        assert_is_one_state(seen, &histories);
    }
}

/// Two writers with two steps each: commits 1 and 3, 2 and 4.
fn two_histories() -> [History; 2] {
    let state = |step| State::from([(0, (step, 1_000))]);
    [vec![(0, State::new()), (1, state(1)), (3, state(2))], vec![(0, State::new()), (2, state(1)), (4, state(2))]]
}

fn assert_steps_are_one_state(steps: [usize; 2]) {
    let histories = two_histories();
    let states = [0, 1].map(|writer| histories[writer][steps[writer]].1.clone());
    let (before, begun, during) = ([0; WRITERS], [2; WRITERS], [3; WRITERS]);
    assert_is_one_state(&Seen { format: "any", states: states.to_vec(), before, begun, during }, &histories);
}

#[test]
fn a_later_commit_without_an_earlier_one_is_noticed() {
    for steps in [[0, 0], [1, 0], [1, 1], [2, 1], [2, 2]] {
        assert_steps_are_one_state(steps);
    }
    for steps in [[0, 1], [2, 0], [0, 2], [1, 2]] {
        std::panic::catch_unwind(|| assert_steps_are_one_state(steps)).expect_err("the states never were at once");
    }
}
