use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

/// Says when it is written, and then waits to be let go if it is to hang.
struct Told {
    began: Sender<usize>,
    number: usize,
    hangs: Option<Mutex<Receiver<()>>>,
}

impl Writes for Told {
    fn write(&self) {
        self.began.send(self.number).unwrap();
        if let Some(let_go) = &self.hangs {
            let _ = let_go.lock().unwrap().recv();
        }
    }
}

#[test]
fn one_thread_does_everything_in_order() {
    let recorders = Recorders::default();
    let (began, order) = channel();
    for number in 0..100 {
        let began = began.clone();
        let told = Told {
            began,
            number,
            hangs: None,
        };
        recorders.hand_over(Arc::new(told)).unwrap();
    }
    let order: Vec<usize> = order.iter().take(100).collect();
    assert!(order.is_sorted());
    assert_eq!(recorders.0.lock().threads, 1);
}

#[test]
fn what_hangs_holds_up_nothing_else() {
    let recorders = Recorders::default();
    let (began, order) = channel();
    let mut held = Vec::new();
    // Each takes a thread and keeps it.
    for number in 0..3 {
        let (let_go, hangs) = channel();
        held.push(let_go);
        let told = Told {
            began: began.clone(),
            number,
            hangs: Some(Mutex::new(hangs)),
        };
        recorders.hand_over(Arc::new(told)).unwrap();
        while order.try_recv().is_err() {
            recorders.look_after();
            std::thread::yield_now();
        }
    }
    let told = Told {
        began,
        number: 3,
        hangs: None,
    };
    recorders.hand_over(Arc::new(told)).unwrap();
    while order.try_recv().is_err() {
        recorders.look_after();
        std::thread::yield_now();
    }
    assert_eq!(recorders.0.lock().threads, 4);
    drop(held);
    // One is enough for what comes then.
    while recorders.0.lock().threads > 1 {
        std::thread::yield_now();
    }
}

#[test]
fn what_comes_meanwhile_is_not_forgotten() {
    struct Counted(AtomicUsize);
    impl Writes for Counted {
        fn write(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let recorders = Recorders::default();
    let counted = Arc::new(Counted(AtomicUsize::new(0)));
    let handing_over: Vec<_> = (0..4)
        .map(|_| {
            let (recorders, counted) = (recorders.clone(), Arc::clone(&counted));
            std::thread::spawn(move || {
                for _ in 0..10_000 {
                    recorders.hand_over(Arc::clone(&counted) as _).unwrap();
                }
            })
        })
        .collect();
    for thread in handing_over {
        thread.join().unwrap();
    }
    while counted.0.load(Ordering::Relaxed) < 40_000 {
        std::thread::yield_now();
    }
}
