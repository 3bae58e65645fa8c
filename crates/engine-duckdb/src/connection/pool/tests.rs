use std::sync::atomic::AtomicU8;
use std::{hint, thread};

use super::*;

#[tokio::test]
async fn connections_that_come_back_at_once_leave_as_many_as_the_pool_keeps() {
    let instance = Arc::new(Mutex::new(Connection::open_in_memory().unwrap()));
    let pool = build(instance, &PoolSettings { size: 1, max_overflow: 1, ..PoolSettings::default() }).unwrap();
    for _ in 0..2_000 {
        let (one, two) = (take(&pool, Purpose::Read).await.unwrap(), take(&pool, Purpose::Read).await.unwrap());
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
        assert_eq!(status(&pool).size, 1);
    }
}

#[tokio::test]
async fn an_engine_that_has_stopped_is_told_to_who_waits_for_it() {
    let instance = Arc::new(Mutex::new(Connection::open_in_memory().unwrap()));
    let pool = build(instance, &PoolSettings::default()).unwrap();
    observe(&pool, &Ok(()));
    observe(&pool, &Err::<(), _>(internal("another failure")));
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { engine_stopped(&pool).await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    observe(&pool, &Err::<(), _>(StoreError::unavailable(ENGINE_STOPPED, "fatal")));
    waiting.await.unwrap();
    // Whoever asks later is told at once.
    engine_stopped(&pool).await;
}
