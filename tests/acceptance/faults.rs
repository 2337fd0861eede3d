//! Long checks of load and faults with the number of calls learned: twice what fits, a process that is stopped.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::{MISSED_PERCENT, Sum, play_at_once};
use crate::gateway::Gateway;

/// Prints what became of resident memory, and checks that it stays bounded: a hold of audio and a thread for each call.
fn check_memory(gateway: &Gateway, before: u64, calls: usize) {
    let after = gateway.resident_kib();
    println!("resident: {before} KiB before, {after} KiB after {calls} calls");
    assert!(after < before + 64 * 1_024 + 2_048 * calls as u64);
}

fn check_leaks(sum: &Sum) {
    assert!(sum.leaked * 100 <= sum.digits * MISSED_PERCENT, "{sum:?}");
}

/// Calls that do not fit are recorded without sound; those that fit are as good as without the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twice_the_capacity_makes_nobody_late() {
    let gateway = Gateway::start_with_config(&[], "[server]\noverload = \"blank_all\"\n").await;
    let before = gateway.resident_kib();
    let first = gateway.page("/readyz").await;
    let capacity = first["max_calls"].as_u64().unwrap() as usize;
    println!("capacity as first estimated: {}", first["capacity"]);
    let sum = play_at_once(&gateway, capacity * 2).await;
    sum.print("twice the capacity");
    println!(
        "capacity afterwards: {}",
        gateway.page("/readyz").await["capacity"]
    );
    check_leaks(&sum);
    assert!(sum.unheard >= capacity / 2, "all fitted: {sum:?}");
    assert!(sum.unheard <= capacity + 1, "{sum:?}");
    // Of those that were listened to.
    assert!(
        sum.late_s + sum.failed_s <= 0.01 * sum.duration_s,
        "{sum:?}"
    );
    check_memory(&gateway, before, capacity * 2);
    gateway.await_ready().await;
}

/// With everything stopped for five seconds in the middle of calls, what could not be examined in time is filled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_stopped_leaks_nothing_and_goes_on() {
    let gateway = Gateway::start(&["--workers", "1", "--max-calls", "4"]).await;
    let before = gateway.resident_kib();
    let stopping = async {
        for wait in [7, 9] {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            gateway.signal_worker(Signal::SIGSTOP);
            tokio::time::sleep(Duration::from_secs(5)).await;
            gateway.signal_worker(Signal::SIGCONT);
        }
    };
    let (sum, ()) = tokio::join!(play_at_once(&gateway, 4), stopping);
    sum.print("stopped twice for five seconds");
    check_leaks(&sum);
    check_memory(&gateway, before, 4);
    let sum = play_at_once(&gateway, 2).await;
    sum.print("afterwards");
    check_leaks(&sum);
    assert!(
        sum.late_s + sum.failed_s <= 0.01 * sum.duration_s,
        "{sum:?}"
    );
}
