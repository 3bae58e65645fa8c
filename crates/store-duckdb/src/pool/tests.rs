use std::sync::atomic::AtomicU8;
use std::{hint, thread};

use super::*;

#[tokio::test]
async fn connections_that_come_back_at_once_leave_as_many_as_the_pool_keeps() {
    let instance = Arc::new(Mutex::new(Connection::open_in_memory().unwrap()));
    let pool = build(instance, &PoolSettings { size: 1, max_overflow: 1, ..PoolSettings::default() }).unwrap();
    for _ in 0..2_000 {
        let (one, two) = (take(&pool).await.unwrap(), take(&pool).await.unwrap());
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
