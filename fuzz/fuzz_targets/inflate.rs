//! A compressed body: the first byte says how; in one piece and in others it becomes the same, within its limit.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use eider_http_api::reading::inflate;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

const LIMIT_BYTES: u64 = 4 << 20;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().max_blocking_threads(1).build().expect("a runtime"));

fuzz_target!(|input: &[u8]| {
    let Some((kind, body)) = input.split_first() else { return };
    let is_gzip = kind & 1 == 0;
    let body = Bytes::copy_from_slice(body);
    let mut pieces = Vec::new();
    let mut rest = body.clone();
    for cut in eider_fuzz::cuts(&body).into_iter().take(64) {
        pieces.push(rest.split_to(usize::from(cut).min(rest.len())));
    }
    pieces.push(rest);
    let whole = RUNTIME.block_on(inflate(vec![body], is_gzip, LIMIT_BYTES));
    let in_pieces = RUNTIME.block_on(inflate(pieces, is_gzip, LIMIT_BYTES));
    assert!(whole.as_ref().is_ok_and(|body| body.len() as u64 <= LIMIT_BYTES) || whole.is_err());
    // A body that is damaged and too large may be either first.
    assert_eq!(whole.as_ref().ok(), in_pieces.as_ref().ok());
});
