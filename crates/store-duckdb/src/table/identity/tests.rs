//! What a filter says, and when.

use arrow_array::{ArrayRef, FixedSizeBinaryArray};

use super::*;

/// Numbers that look random, and are the same in each run.
fn id(number: u64) -> [u8; 16] {
    let mix = |seed: u64| {
        let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    (u128::from(mix(number)) << 64 | u128::from(mix(!number))).to_be_bytes()
}

fn records(numbers: std::ops::Range<u64>) -> RecordBatch {
    let ids: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter(numbers.map(id)).unwrap());
    RecordBatch::try_from_iter([("id", ids)]).unwrap()
}

fn stored(most_bytes: usize) -> (StoredIds, mpsc::Receiver<IdFilter>) {
    StoredIds::new(most_bytes, Arc::default())
}

#[test]
fn a_filter_knows_what_was_added_and_hardly_anything_else_however_it_has_grown() {
    let mut filter = IdFilter::new(0);
    let added = 5 * MIN_CAPACITY as u64;
    for number in 0..added {
        filter.insert(filter.hash(&id(number)));
    }
    assert!(filter.layers.len() > 2, "{} layers", filter.layers.len());
    assert!((0..added).all(|number| filter.may_contain(filter.hash(&id(number)))));
    let taken_for_stored = (added..2 * added).filter(|number| filter.may_contain(filter.hash(&id(*number)))).count();
    assert!(taken_for_stored < 330, "{taken_for_stored} of {added}: one in a thousand, in four layers");
    assert!(filter.bytes() <= 4 * 5 * MIN_CAPACITY, "{} bytes", filter.bytes());
}

#[test]
fn nothing_is_excluded_until_the_table_was_read() {
    let (mut ids, mut wanted) = stored(usize::MAX);
    assert!(!ids.excludes(&id(1)), "unread");
    let empty = IdFilter::new(0);
    ids.state = State::Reading(empty.sibling(0));
    ids.note(&records(0..10));
    assert!(!ids.excludes(&id(99)), "reading");
    let mut read = empty.sibling(0);
    add_all(&mut read, records(10..20).column(0));
    ids.complete(Some(read));
    assert!((0..20).all(|number| !ids.excludes(&id(number))), "what was noted meanwhile and what was read");
    assert!(ids.excludes(&id(99)));
    wanted.try_recv().unwrap_err();
}

#[test]
fn a_reading_that_failed_may_be_asked_for_again() {
    let (mut ids, _wanted) = stored(usize::MAX);
    ids.state = State::Reading(IdFilter::new(0));
    ids.complete(None);
    assert!(matches!(ids.state, State::Unread));
    assert_eq!(ids.gauge.status().bytes, 0);
}

#[test]
fn a_filter_that_grows_too_large_is_given_up() {
    let least = IdFilter::new(0).bytes();
    let (mut ids, _wanted) = stored(least);
    ids.set(State::Read(IdFilter::new(0)));
    assert_eq!(ids.gauge.status().bytes, least as u64);
    ids.note(&records(0..MIN_CAPACITY as u64));
    assert!(ids.excludes(&id(u64::MAX)));
    ids.note(&records(0..2 * MIN_CAPACITY as u64));
    assert!(matches!(ids.state, State::GivenUp));
    assert!(!ids.excludes(&id(u64::MAX)));
    assert_eq!(ids.gauge.status().bytes, 0);
}
