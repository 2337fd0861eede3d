//! Long checks of the whole program from outside: many calls at once, more than it can follow, and
//! death at any moment. `make acceptance` runs them; they take minutes and the machine for themselves.
//!
//! The program is started as users start it and spoken to as Twilio does. Whatever happens, no digit
//! may be heard in a recording beyond what recognition misses on an idle machine.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "these are tests; clippy knows only functions marked so"
)]

mod faults;
mod gateway;
mod labels;
mod platform;

use std::time::Duration;

use gateway::Gateway;
use labels::Sample;
use platform::Ending;

/// Digits that recognition may miss, of all that were spoken, in percent.
const MISSED_PERCENT: usize = 5;

/// What came of a number of calls.
#[derive(Debug, Default)]
struct Sum {
    calls: usize,
    /// Calls that were not listened to, whose seconds do not count.
    unheard: usize,
    digits: usize,
    leaked: usize,
    late_s: f64,
    failed_s: f64,
    duration_s: f64,
}

impl Sum {
    fn add(&mut self, gateway: &Gateway, call: &str, sample: &Sample) {
        let recording = gateway.recording(call);
        let length = recording[0].len();
        let expected = sample.legs[0].len();
        assert!(
            length.abs_diff(expected) <= 160,
            "{call} ({}): {length} samples recorded of {expected}",
            sample.name
        );
        let (leaked, digits) = sample.leaked(&recording);
        let report = gateway.report(call);
        let seconds = |list: &str| -> f64 {
            report[list].as_array().map_or(0.0, |spans| {
                spans
                    .iter()
                    .map(|span| span["end"].as_f64().unwrap() - span["start"].as_f64().unwrap())
                    .sum()
            })
        };
        self.calls += 1;
        self.digits += digits;
        self.leaked += leaked;
        let engine = |count: &str| report["engine"][count].as_u64().unwrap();
        if engine("windows") > 0 && engine("windows") == engine("failures") {
            self.unheard += 1;
            return;
        }
        self.late_s += seconds("late");
        self.failed_s += seconds("failed");
        self.duration_s += expected as f64 / 8_000.0 * 2.0;
    }

    fn print(&self, what: &str) {
        println!(
            "{what}: {} calls ({} not listened to), {} of {} digits leaked, {:.1} s late and {:.1} s failed of {:.0} s",
            self.calls,
            self.unheard,
            self.leaked,
            self.digits,
            self.late_s,
            self.failed_s,
            self.duration_s
        );
    }
}

/// Plays `count` calls at once, begun over two seconds, and sums up what was recorded.
async fn play_at_once(gateway: &Gateway, count: usize) -> Sum {
    let samples = labels::samples();
    let mut playing = Vec::new();
    for index in 0..count {
        let sample = samples[index % samples.len()].clone();
        let (address, call) = (gateway.address(), format!("CA{index:032}"));
        let delay = Duration::from_millis(index as u64 * 2_000 / count as u64);
        playing.push(tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            platform::play(address, &call, &sample, Ending::Stop).await;
            (call, sample)
        }));
    }
    let mut sum = Sum::default();
    for task in playing {
        let (call, sample) = task.await.unwrap();
        gateway.await_report(&call).await;
        sum.add(gateway, &call, &sample);
    }
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_within_capacity_are_never_late() {
    let gateway = Gateway::start(&["--workers", "1", "--max-calls", "3"]).await;
    let sum = play_at_once(&gateway, 3).await;
    sum.print("within capacity");
    assert!(sum.leaked * 100 <= sum.digits * MISSED_PERCENT, "{sum:?}");
    assert!(
        sum.late_s + sum.failed_s <= 0.01 * sum.duration_s,
        "{sum:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overload_costs_sound_but_leaks_nothing() {
    let gateway = Gateway::start(&["--workers", "1", "--max-calls", "40"]).await;
    let sum = play_at_once(&gateway, 40).await;
    sum.print("overload");
    assert!(sum.leaked * 100 <= sum.digits * MISSED_PERCENT, "{sum:?}");
    gateway.await_ready().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_at_any_moment_leaves_a_clean_recording_and_the_next_call_is_served() {
    let gateway = Gateway::start(&["--workers", "1"]).await;
    let samples = labels::samples();
    let (mut digits, mut leaked) = (0, 0);
    for (index, seconds) in [1.0, 7.3, 12.9, 18.1, 22.7, 27.2].into_iter().enumerate() {
        let sample = &samples[index % samples.len()];
        let call = format!("CA{:032}", 9_000 + index);
        let cut = Ending::Vanish(Duration::from_secs_f64(seconds));
        platform::play(gateway.address(), &call, sample, cut).await;
        gateway.kill_worker();
        // What had been released by then; a call that dies within the hold may have no file yet.
        if let Some(recording) = gateway.unfinished(&call) {
            let (heard, spoken) = sample.leaked(&recording);
            leaked += heard;
            digits += spoken;
        }
        gateway.await_ready().await;
    }
    let call = "CA00000000000000000000000000000777";
    platform::play(gateway.address(), call, &samples[0], Ending::Stop).await;
    gateway.await_report(call).await;
    let mut sum = Sum::default();
    sum.add(&gateway, call, &samples[0]);
    sum.print("after six deaths");
    println!("cut off: {leaked} of {digits} digits leaked");
    assert!(leaked * 100 <= digits * MISSED_PERCENT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_silent_connections_do_not_disturb_a_call() {
    let gateway = Gateway::start(&["--workers", "1"]).await;
    let mut silent = Vec::new();
    for _ in 0..1_000 {
        silent.push(
            tokio::net::TcpStream::connect(gateway.address())
                .await
                .unwrap(),
        );
    }
    let sample = &labels::samples()[0];
    let call = "CA00000000000000000000000000000001";
    platform::play(gateway.address(), call, sample, Ending::Stop).await;
    gateway.await_report(call).await;
    let mut sum = Sum::default();
    sum.add(&gateway, call, sample);
    sum.print("beside a thousand silent connections");
    assert!(sum.leaked * 100 <= sum.digits * MISSED_PERCENT, "{sum:?}");
    drop(silent);
}
