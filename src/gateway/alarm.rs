//! One timer for a loop whose next deadline moves with every message.
//!
//! Setting a timer costs more than most messages do, and one that is put off every 20 ms would be set as often for
//! nothing. This one is set only to ring earlier: when it rings and the deadline has moved on, it is set again.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is kept across the turns of a loop.
pub(super) struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    pub(super) fn new() -> Self {
        Self(Box::pin(sleep_until(Instant::now())))
    }

    /// Waits until a time. May be given up, and asked again for another time.
    pub(super) async fn at(&mut self, time: Instant) {
        let timer = &mut self.0;
        poll_fn(|context| {
            loop {
                if timer.is_elapsed() || time < timer.deadline() {
                    timer.as_mut().reset(time);
                }
                ready!(timer.as_mut().poll(context));
                if timer.deadline() >= time {
                    return Poll::Ready(());
                }
            }
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn rings_when_it_is_time_however_often_it_was_put_off() {
        let mut alarm = Alarm::new();
        let mut time = Instant::now() + 20 * MOMENT;
        for _ in 0..10 {
            let given_up = timeout(MOMENT, alarm.at(time)).await;
            assert!(given_up.is_err() || Instant::now() >= time);
            time += 5 * MOMENT;
        }
        alarm.at(time).await;
        assert!(Instant::now() >= time);
        // At once, when it is past, and again.
        alarm.at(time).await;
        alarm.at(time - 20 * MOMENT).await;
    }

    #[tokio::test]
    async fn rings_earlier_when_asked_to() {
        let mut alarm = Alarm::new();
        let begun = Instant::now();
        let later = alarm.at(begun + Duration::from_secs(3_600));
        assert!(timeout(MOMENT, later).await.is_err());
        alarm.at(begun + 5 * MOMENT).await;
        assert!(begun.elapsed() >= 5 * MOMENT);
    }
}
