//! Compressed bodies, whole, cut off, damaged and hostile.

use flate2::write::GzEncoder;
use futures::stream;

use super::*;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd_frame(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).unwrap()
}

fn compress(compression: Compression, content: &[u8]) -> Vec<u8> {
    match compression {
        Compression::Gzip => gzip(content),
        Compression::Zstd => zstd_frame(content),
    }
}

const BOTH: [Compression; 2] = [Compression::Gzip, Compression::Zstd];

/// Inflates a body that arrives in pieces of `step` bytes: the pieces that come of it, and how it ended.
async fn inflate(
    compression: Compression,
    body: &[u8],
    step: usize,
    limit_bytes: u64,
) -> (Vec<Bytes>, Result<(), BodyError>) {
    let pieces: Vec<_> = body.chunks(step).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let mut inflated = std::pin::pin!(inflated(stream::iter(pieces), compression, limit_bytes));
    let mut output = Vec::new();
    while let Some(piece) = inflated.next().await {
        match piece {
            Ok(piece) => output.push(piece),
            Err(error) => return (output, Err(error)),
        }
    }
    (output, Ok(()))
}

#[tokio::test]
async fn members_and_frames_follow_each_other_wherever_the_pieces_end() {
    for compression in BOTH {
        let parts: [&[u8]; 4] = [b"{\"carrier\":", b"", &[b'x'; 5_000], b"}"];
        let body: Vec<u8> = parts.iter().flat_map(|part| compress(compression, part)).collect();
        for step in [1, 2, 3, 7, 50, body.len()] {
            let (output, end) = inflate(compression, &body, step, 1 << 20).await;
            assert_eq!((output.concat(), end), (parts.concat(), Ok(())), "{compression:?}, step {step}");
        }
    }
}

#[tokio::test]
async fn what_is_cut_off_is_damaged() {
    for compression in BOTH {
        let body = compress(compression, b"{\"carrier\":\"UA\"}\n{\"carrier\":\"AA\"}\n");
        for length in 0..body.len() {
            let (_, end) = inflate(compression, &body[..length], 10, 1 << 20).await;
            assert_eq!(end, Err(BodyError::Damaged { encoding: compression.name() }), "{length} of {}", body.len());
        }
    }
}

#[tokio::test]
async fn what_is_no_compressed_data_is_damaged() {
    let mut flipped = gzip(b"{\"carrier\":\"UA\"}\n");
    let last = flipped.len() - 1;
    flipped[last - 6] ^= 1;
    for (compression, body) in [
        (Compression::Gzip, flipped),
        (Compression::Gzip, [gzip(b"x"), b"garbage".to_vec()].concat()),
        (Compression::Gzip, b"{\"carrier\":\"UA\"}\n".to_vec()),
        (Compression::Zstd, b"{\"carrier\":\"UA\"}\n".to_vec()),
        (Compression::Zstd, [zstd_frame(b"x"), b"garbage".to_vec()].concat()),
        (Compression::Zstd, gzip(b"x")),
    ] {
        let (_, end) = inflate(compression, &body, 5, 1 << 20).await;
        assert_eq!(end, Err(BodyError::Damaged { encoding: compression.name() }));
    }
}

#[tokio::test]
async fn a_bomb_goes_off_at_the_limit() {
    const LIMIT: u64 = 1 << 20;
    for compression in BOTH {
        // Two gigabytes of line feeds.
        let body = compress(compression, &vec![b'\n'; 64 << 20]).repeat(32);
        assert!(body.len() < 4 << 20);
        let (output, end) = inflate(compression, &body, 64 << 10, LIMIT).await;
        assert_eq!(end, Err(BodyError::TooLarge { limit_bytes: LIMIT }), "{compression:?}");
        assert!(output.iter().map(|piece| piece.len() as u64).sum::<u64>() <= LIMIT);
    }
}

#[tokio::test]
async fn no_step_inflates_much() {
    let content = vec![b'\n'; 64 << 20];
    for compression in BOTH {
        let body = compress(compression, &content);
        let (output, end) = inflate(compression, &body, 64 << 10, u64::MAX).await;
        assert_eq!((end, output.iter().map(Bytes::len).sum::<usize>()), (Ok(()), content.len()));
        assert!(output.iter().all(|piece| piece.len() <= STEP_BYTES + (128 << 10)), "{compression:?}");
    }
}

#[tokio::test]
async fn a_window_beyond_eight_megabytes_is_refused() {
    let frame = |window_log| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(window_log).unwrap();
        encoder.write_all(b"{}").unwrap();
        encoder.flush().unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(inflate(Compression::Zstd, &frame(23), 100, 100).await.1, Ok(()));
    let too_wide = Err(BodyError::WideWindow { max_mib: 8 });
    assert_eq!(inflate(Compression::Zstd, &frame(24), 100, 100).await.1, too_wide);
}

#[tokio::test]
async fn a_body_that_fails_to_arrive_fails() {
    let pieces = [Ok(Bytes::from(gzip(b"x"))), Err(BodyError::Timeout)];
    let mut inflated = std::pin::pin!(inflated(stream::iter(pieces), Compression::Gzip, 100));
    let mut last = None;
    while let Some(piece) = inflated.next().await {
        last = Some(piece);
    }
    assert_eq!(last, Some(Err(BodyError::Timeout)));
}

#[tokio::test]
async fn a_piece_without_bytes_changes_nothing() {
    for compression in BOTH {
        let body = Bytes::from(compress(compression, b"{\"carrier\":\"UA\"}\n"));
        let pieces = [Bytes::new(), body.slice(..5), Bytes::new(), body.slice(5..), Bytes::new()].map(Ok);
        let inflated = inflated(stream::iter(pieces), compression, 100);
        let output: Vec<_> = inflated.collect().await;
        assert_eq!(output, [Ok(Bytes::from_static(b"{\"carrier\":\"UA\"}\n"))], "{compression:?}");
    }
}
