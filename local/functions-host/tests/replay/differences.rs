//! The differences that stay, each with its reason. `docs/functions-host.md` names them for people.

/// Cases in which this host does something else than Microsoft's.
pub(crate) struct Difference {
    /// `{file}/{case}`; a `*` stands for anything.
    pub(crate) cases: &'static [&'static str],
    pub(crate) reason: &'static str,
}

impl Difference {
    pub(crate) fn covers(&self, name: &str) -> bool {
        self.cases.iter().any(|case| match case.split_once('*') {
            Some((start, end)) => name.starts_with(start) && name.ends_with(end),
            None => *case == name,
        })
    }
}

pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        cases: &[
            "01-http-requests/keya-fn",
            "01-http-requests/keya-none",
            "01-http-requests/keyd-none",
            "01-http-requests/keyf-none",
            "01-http-requests/keyf-wrong",
            "05-queue-retry-admin/adm-functions-nokey",
            "05-queue-retry-admin/adm-run-badkey",
            "05-queue-retry-admin/adm-run-fnkey",
            "05-queue-retry-admin/adm-run-nokey",
            "05-queue-retry-admin/adm-status-nokey",
            "05-queue-retry-admin/runtime",
            "08-validation/GET /api/nullauth",
            "10-misc/coretools/adm",
            "10-misc/coretools/key",
        ],
        reason: "keys are not asked for, as with Core Tools",
    },
    Difference {
        cases: &[
            "01-http-requests/hq-*",
            "02-http-responses/hq-*",
            "03-http-forwarded/hq",
            "05-queue-retry-admin/q*",
            "05-queue-retry-admin/adm-run-qt-*",
            "05-queue-retry-admin/adm-run-mt-*",
        ],
        reason: "there are no storage queues and no manualTrigger",
    },
    Difference {
        cases: &[
            "05-queue-retry-admin/adm-config",
            "05-queue-retry-admin/adm-drain-status",
            "05-queue-retry-admin/adm-fnkeys",
            "05-queue-retry-admin/adm-functions",
            "05-queue-retry-admin/adm-keys",
            "05-queue-retry-admin/adm-run-get",
            "05-queue-retry-admin/adm-run-put",
            "05-queue-retry-admin/adm-status",
            "05-queue-retry-admin/adm-sync",
        ],
        reason: "administration is what somebody without Azure needs: no keys, no links to files, errors in the status",
    },
    Difference {
        cases: &["01-http-requests/root", "05-queue-retry-admin/root-*"],
        reason: "the page at / is a short one",
    },
    Difference {
        cases: &[
            "10-misc/hostretry/h-fail",
            "05-queue-retry-admin/retry-*-all",
            "05-queue-retry-admin/retry-invalidjson",
            "05-queue-retry-admin/adm-run-timer-fail",
            "A8-config-retry-admin/retry-*",
            "05-queue-retry-admin/retry-fixed-2",
        ],
        reason: "RetryContext.Exception has no stack traces of .NET",
    },
    Difference {
        cases: &[
            "02-http-responses/res-headers-clen",
            "02-http-responses/res-headers-te",
            "02-http-responses/res-statusCode-0",
            "02-http-responses/res-statusCode-99",
            "02-http-responses/res-statusCode-100",
            "02-http-responses/res-statusCode-1000",
        ],
        reason: "what is no HTTP is not sent: the client gets 500, and a line says why",
    },
    Difference {
        cases: &["02-http-responses/huge-resp"],
        reason: "the recording holds only the beginning of what the handler answered",
    },
    Difference {
        cases: &["03-http-forwarded/get-query-odd"],
        reason: "the server refuses a request line with a plain quotation mark or angle bracket",
    },
    Difference {
        cases: &["03-http-forwarded/resp-304", "03-http-forwarded/resp-hdr-utf8"],
        reason: "the server writes no length for 304, and the usual words for 500",
    },
    Difference { cases: &["A2-metadata/prop/uint"], reason: "the recording's own relay changed the number" },
    Difference {
        cases: &[
            "A2-metadata/prop/all",
            "A2-metadata/prop/names",
            "A2-metadata/prop/nan",
            "A2-metadata/prop/order",
        ],
        reason: "application properties come sorted by name",
    },
    Difference {
        cases: &["A2-metadata/prop/rawlist", "A2-metadata/prop/rawmap"],
        reason: "AMQP allows neither lists nor maps as application properties, and the client here sends none",
    },
];
