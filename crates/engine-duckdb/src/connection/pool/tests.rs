use std::sync::atomic::AtomicU8;
use std::{hint, thread};

use super::*;

#[tokio::test]
async fn connections_that_come_back_at_once_leave_as_many_as_the_pool_keeps() {
    let instance = Connection::open_in_memory().unwrap();
    let pool = Pool::new(instance, &PoolSettings { size: 1, max_overflow: 1, ..PoolSettings::default() }).unwrap();
    for _ in 0..2_000 {
        let (one, two) = (pool.take(Purpose::Read).await.unwrap(), pool.take(Purpose::Read).await.unwrap());
        let ready = AtomicU8::new(0);
        thread::scope(|scope| {
            for connection in [one, two] {
                scope.spawn(|| {
                    let connection = connection;
                    ready.fetch_add(1, Ordering::SeqCst);
                    // A barrier would wake one of them some microseconds after the other.
                    while ready.load(Ordering::SeqCst) < 2 {
                        hint::spin_loop();
                    }
                    give_back(connection);
                });
            }
        });
        assert_eq!(pool.status().size, 1);
    }
}

#[tokio::test]
async fn an_engine_that_has_stopped_is_told_to_who_waits_for_it() {
    let instance = Connection::open_in_memory().unwrap();
    let pool = Pool::new(instance, &PoolSettings::default()).unwrap();
    pool.observe(&Ok(()));
    pool.observe(&Err::<(), _>(internal("another failure")));
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.engine_stopped().await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    pool.observe(&Err::<(), _>(StoreError::unavailable(ENGINE_STOPPED, "fatal")));
    waiting.await.unwrap();
    // Whoever asks later is told at once.
    pool.engine_stopped().await;
}
