//! Which control each figure of a report supports, and what it does not prove.

/// One row of the mapping.
pub(super) struct Control {
    /// The rule-book and clause.
    pub(super) clause: &'static str,
    /// What it asks for, in a few words.
    pub(super) asks: &'static str,
    /// The figures of the report that support it.
    pub(super) figures: &'static str,
    /// What has to be shown by other means.
    pub(super) limits: &'static str,
}

/// PCI DSS v4.0.1, GDPR (EU) 2016/679 and the Korean Personal Information Protection Act, in this order.
pub(super) const CONTROLS: &[Control] = &[
    Control {
        clause: "PCI DSS 3.3.1, 3.3.1.1 to 3.3.1.3",
        asks: "Sensitive authentication data (track data, card security code, PIN) is not kept after authorisation.",
        figures: "Seconds hidden as cvv, pin, track_data; share of calls monitored; what the second listener heard again.",
        limits: "That nothing else records the call (the platform, screen capture), nor what a recogniser misheard twice.",
    },
    Control {
        clause: "PCI DSS 3.2.1",
        asks: "Stored account data is kept to a minimum: what is stored, why, for how long, and secure deletion.",
        figures: "Seconds hidden as pan; deletions, erased segments and legal holds of the period.",
        limits: "That the retention policy itself is justified; data outside of this store and its backups.",
    },
    Control {
        clause: "PCI DSS 3.4.1, 3.5.1",
        asks: "A displayed card number is masked; a stored one is unreadable.",
        figures: "Seconds hidden as pan; transcripts are masked where audio is hidden; the store is encrypted.",
        limits: "Who holds the keys, and how they are kept (3.6, 3.7).",
    },
    Control {
        clause: "PCI DSS 10.2.1, 10.2.1.1, 10.2.1.4",
        asks: "Logs record access to cardholder data, administrative actions and refused access.",
        figures: "Counts of recordings played and exported, transcripts read, access denied and changed.",
        limits: "Access to the machine itself: its system's own log.",
    },
    Control {
        clause: "PCI DSS 10.3.2 to 10.3.4",
        asks: "Logs cannot be changed unseen and are backed up.",
        figures: "The audit log is chained, keyed and signed; backups of the period. `hushgate audit verify` checks it.",
        limits: "That a checkpoint was kept where the gateway cannot reach: export one a day.",
    },
    Control {
        clause: "PCI DSS 10.7.2, 12.10.5",
        asks: "Failures of critical controls are detected, and alerts responded to.",
        figures: "Late and failed seconds, pause failures, calls not monitored with reasons, alerts, quarantines.",
        limits: "That somebody responded, and how fast.",
    },
    Control {
        clause: "GDPR Art. 5(1)(c), (e), (f)",
        asks: "Data minimisation, storage limitation, integrity and confidentiality.",
        figures: "Seconds hidden by kind; deletions; share of calls monitored; quarantined recordings.",
        limits: "That recording the rest is necessary and lawful (Art. 6), and that callers were told (Art. 13).",
    },
    Control {
        clause: "GDPR Art. 17",
        asks: "Erasure on request, without undue delay.",
        figures: "Erasures asked for, approved and carried out; erased segments.",
        limits: "Requests that never reached this system; copies that were exported.",
    },
    Control {
        clause: "GDPR Art. 30",
        asks: "A record of processing: categories, recipients, time limits.",
        figures: "Calls and their length by site, vendor and queue; kinds of data; deletions.",
        limits: "Purposes and legal bases are the controller's to write down.",
    },
    Control {
        clause: "PIPA Art. 24-2 (Korea)",
        asks: "Resident registration numbers are not processed without a law that allows it, and kept encrypted.",
        figures: "Seconds hidden as rrn; the store is encrypted; what the second listener heard again.",
        limits: "Whether a law allows it in a given case; numbers typed into other systems.",
    },
    Control {
        clause: "PIPA Art. 21, 29 (Korea)",
        asks: "Destruction when no longer needed; access control, encryption and kept access logs.",
        figures: "Deletions and erasures; accesses, denials and changes of access rights.",
        limits: "Organisational measures and the length for which logs are kept.",
    },
];
