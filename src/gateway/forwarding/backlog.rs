//! Clean audio until the recorder has it: the newest up to a set length, and account of what fell out.
//!
//! A block is kept until the recorder has acknowledged it, as what was written to a connection that breaks may
//! never have arrived. A new connection begins with the oldest that is kept. Where nothing is acknowledged, what
//! was sent counts as arrived when there is no room for it any longer, as long as the recorder is trusted to live.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::audio::{MediaTime, SampleIndex, Span};
use crate::session::CleanAudio;

/// Shared by the call's task, which puts, and the forwarding task, which takes.
#[derive(Debug)]
pub(super) struct Backlog {
    limit: MediaTime,
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    blocks: VecDeque<CleanAudio>,
    /// How many blocks have left at the front: the number of the first that is kept.
    first: u64,
    /// The number of the block that is sent next.
    next: u64,
    length: MediaTime,
    lost: Vec<Span>,
    ended: bool,
    /// Whether what was sent and falls out has arrived.
    trusted: bool,
    pieces: u64,
}

impl Backlog {
    pub(super) fn new(limit: MediaTime) -> Self {
        Self {
            limit,
            inner: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a block; the oldest fall out when it gets too long.
    pub(super) fn put(&self, block: CleanAudio) {
        let mut inner = self.inner();
        inner.length = inner.length + span(&block).length();
        inner.blocks.push_back(block);
        while inner.length > self.limit && inner.blocks.len() > 1 {
            inner.lose_first();
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// No more will be put.
    pub(super) fn end(&self) {
        self.inner().ended = true;
        self.changed.notify_one();
    }

    /// A new connection: goes back to the oldest block. Tells where that begins, once there is one; `None`
    /// when the call is over and all was acknowledged.
    pub(super) async fn rewind(&self) -> Option<MediaTime> {
        {
            let mut inner = self.inner();
            inner.next = inner.first;
        }
        self.when_there(|inner, at| Some(span(inner.blocks.get(at)?).start))
            .await
    }

    /// The next block and its number; `None` when the call is over.
    pub(super) async fn next(&self) -> Option<(u64, CleanAudio)> {
        self.when_there(|inner, at| {
            let block = inner.blocks.get(at)?.clone();
            inner.next = inner.first + at as u64 + 1;
            Some((inner.next - 1, block))
        })
        .await
    }

    async fn when_there<T>(&self, take: impl Fn(&mut Inner, usize) -> Option<T>) -> Option<T> {
        loop {
            {
                let mut inner = self.inner();
                // What fell out before it was sent is passed over.
                let at = inner.next.saturating_sub(inner.first) as usize;
                if let Some(taken) = take(&mut inner, at) {
                    return Some(taken);
                }
                if inner.ended {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    /// The recorder has all blocks up to and including this number.
    pub(super) fn acknowledge(&self, number: u64) {
        let mut inner = self.inner();
        while inner.first <= number {
            let Some(block) = inner.blocks.pop_front() else {
                return;
            };
            inner.first += 1;
            inner.length = inner.length.saturating_sub(span(&block).length());
        }
    }

    /// What fell out since the last time.
    pub(super) fn take_lost(&self) -> Vec<Span> {
        std::mem::take(&mut self.inner().lost)
    }

    /// How much may be kept.
    pub(super) fn limit(&self) -> MediaTime {
        self.limit
    }

    /// Whether what was sent and falls out counts as arrived.
    pub(super) fn trust(&self, trusted: bool) {
        self.inner().trusted = trusted;
    }

    /// How much waits to be sent.
    pub(super) fn waiting(&self) -> MediaTime {
        let inner = self.inner();
        let at = inner.next.saturating_sub(inner.first) as usize;
        match (inner.blocks.get(at), inner.blocks.back()) {
            (Some(first), Some(last)) => span(last).end - span(first).start,
            _ => MediaTime::ZERO,
        }
    }

    /// A piece of a block was sent: the recorder takes it.
    pub(super) fn said(&self) {
        self.inner().pieces += 1;
    }

    /// How many pieces were sent, some of them again.
    pub(super) fn pieces(&self) -> u64 {
        self.inner().pieces
    }

    /// Gives up on what is still kept.
    pub(super) fn lose_rest(&self) {
        let mut inner = self.inner();
        while !inner.blocks.is_empty() {
            inner.lose_first();
        }
    }
}

impl Inner {
    fn lose_first(&mut self) {
        let Some(block) = self.blocks.pop_front() else {
            return;
        };
        let has_arrived = self.trusted && self.first < self.next;
        self.first += 1;
        let span = span(&block);
        self.length = self.length.saturating_sub(span.length());
        if has_arrived {
            return;
        }
        match self.lost.last_mut() {
            Some(last) if last.end >= span.start => last.end = last.end.max(span.end),
            _ => self.lost.push(span),
        }
    }
}

/// What a block covers.
pub(super) fn span(block: &CleanAudio) -> Span {
    let rate = block.rate();
    let SampleIndex(start) = block.start();
    Span::new(
        rate.time_of(block.start()),
        rate.time_of(SampleIndex(start + block.len() as u64)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::SampleRate;

    fn block(second: u64) -> CleanAudio {
        CleanAudio::for_test(
            SampleRate::TELEPHONE,
            SampleIndex(second * 8_000),
            vec![vec![0; 8_000]; 2],
        )
    }

    fn seconds(from: u64, to: u64) -> Span {
        Span::new(
            MediaTime::from_millis(from * 1_000),
            MediaTime::from_millis(to * 1_000),
        )
    }

    #[tokio::test]
    async fn the_newest_is_kept_and_the_rest_is_told_as_one() {
        let backlog = Backlog::new(MediaTime::from_millis(3_000));
        for second in 0..10 {
            backlog.put(block(second));
        }
        assert_eq!(backlog.take_lost(), [seconds(0, 7)]);
        assert_eq!(backlog.rewind().await, Some(MediaTime::from_millis(7_000)));
        backlog.end();
        for second in 7..10 {
            assert_eq!(backlog.next().await, Some((second, block(second))));
            backlog.acknowledge(second);
        }
        assert_eq!(backlog.next().await, None);
        assert_eq!(backlog.rewind().await, None);
        assert!(backlog.take_lost().is_empty());
    }

    #[tokio::test]
    async fn a_new_connection_begins_with_what_was_not_acknowledged() {
        let backlog = Backlog::new(MediaTime::from_millis(60_000));
        for second in 0..5 {
            backlog.put(block(second));
        }
        for second in 0..4 {
            assert_eq!(backlog.next().await, Some((second, block(second))));
        }
        backlog.acknowledge(1);
        assert_eq!(backlog.rewind().await, Some(MediaTime::from_millis(2_000)));
        assert_eq!(backlog.next().await, Some((2, block(2))));
        backlog.acknowledge(9);
        backlog.put(block(5));
        assert_eq!(backlog.next().await, Some((5, block(5))));
    }

    #[tokio::test]
    async fn what_was_sent_to_a_trusted_recorder_is_not_lost() {
        let backlog = Backlog::new(MediaTime::from_millis(3_000));
        for second in 0..3 {
            backlog.put(block(second));
            backlog.next().await;
        }
        assert_eq!(backlog.waiting(), MediaTime::ZERO);
        backlog.trust(true);
        backlog.put(block(3));
        assert!(backlog.take_lost().is_empty());
        backlog.trust(false);
        backlog.put(block(4));
        assert_eq!(backlog.take_lost(), [seconds(1, 2)]);
        assert_eq!(backlog.waiting(), MediaTime::from_millis(2_000));
        // What was not sent is lost in any case.
        backlog.trust(true);
        for second in 5..8 {
            backlog.put(block(second));
        }
        assert_eq!(backlog.take_lost(), [seconds(3, 5)]);
    }

    #[tokio::test]
    async fn what_waits_in_the_end_is_lost() {
        let backlog = Backlog::new(MediaTime::from_millis(60_000));
        backlog.put(block(0));
        backlog.put(block(1));
        backlog.lose_rest();
        assert_eq!(backlog.take_lost(), [seconds(0, 2)]);
    }
}
