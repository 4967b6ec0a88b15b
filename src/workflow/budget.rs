//! What a run may take and has taken: every call reserves its most before it is made, so that no run takes more than its limits say.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::context::Reserve;
use super::event::Spent;
use super::failure::{Failure, FailureClass};
use super::graph::Limits;
use super::steps::workflow::SubLimits;

/// The accounts of one run: the first is the run's own, each other one lies within another.
#[derive(Debug)]
pub struct Ledger {
    accounts: Mutex<Vec<Account>>,
    changed: Condvar,
}

/// One account of a ledger.
pub type AccountId = usize;

/// The run's own account.
pub const RUN: AccountId = 0;

#[derive(Debug)]
struct Account {
    within: Option<AccountId>,
    limits: SubLimits,
    steps: u64,
    tokens: u64,
    usd: f64,
    held_tokens: u64,
    held_usd: f64,
    exhausted: bool,
}

/// What was reserved for a call that is not settled yet.
#[derive(Debug)]
#[must_use = "what is held must be settled"]
pub struct Held {
    account: AccountId,
    reserve: Reserve,
}

/// How long a call that would fit once others are settled waits between two looks at whether it shall still be made.
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Account {
    fn new(within: Option<AccountId>, limits: SubLimits) -> Self {
        Self { within, limits, steps: 0, tokens: 0, usd: 0.0, held_tokens: 0, held_usd: 0.0, exhausted: false }
    }

    /// What is over the limit, in words, when `reserve` comes on top of what was spent and, where asked for, of what is held.
    fn refuses(&self, reserve: Reserve, with_held: bool) -> Option<String> {
        let (held_tokens, held_usd) = if with_held { (self.held_tokens, self.held_usd) } else { (0, 0.0) };
        if let Some(limit) = self.limits.tokens
            && self.tokens + held_tokens + reserve.tokens > limit
        {
            return Some(format!(
                "tokens = {limit}: {} are used, and the next call may take {}",
                self.tokens, reserve.tokens
            ));
        }
        if let Some(limit) = self.limits.usd
            && reserve.usd > 0.0
            && self.usd + held_usd + reserve.usd > limit
        {
            return Some(format!(
                "usd = {limit}: {:.4} are used, and the next call may take {:.4}",
                self.usd, reserve.usd
            ));
        }
        None
    }
}

impl Ledger {
    /// The ledger of a run with these limits.
    pub fn new(limits: &Limits) -> Self {
        let limits = SubLimits {
            steps: Some(limits.steps),
            seconds: Some(limits.seconds),
            tokens: Some(limits.tokens),
            usd: Some(limits.usd),
        };
        Self { accounts: Mutex::new(vec![Account::new(None, limits)]), changed: Condvar::new() }
    }

    fn accounts(&self) -> MutexGuard<'_, Vec<Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens an account within another one.
    pub fn open(&self, within: AccountId, limits: SubLimits) -> AccountId {
        let mut accounts = self.accounts();
        accounts.push(Account::new(Some(within), limits));
        accounts.len() - 1
    }

    /// Counts a step visit.
    ///
    /// # Errors
    /// [`FailureClass::Budget`] when the account, or one that it lies in, has none left.
    pub fn visit(&self, account: AccountId) -> Result<(), Failure> {
        let mut accounts = self.accounts();
        for at in chain(&accounts, account) {
            if let Some(limit) = accounts[at].limits.steps
                && accounts[at].steps >= limit
            {
                accounts[at].exhausted = true;
                return Err(refusal(at, &format!("steps = {limit}")));
            }
        }
        chain(&accounts, account).into_iter().for_each(|at| accounts[at].steps += 1);
        Ok(())
    }

    /// Sets aside what a call may take. A call that does not fit only because of others that are not settled waits for them, until
    /// `is_over`.
    ///
    /// # Errors
    /// [`FailureClass::Budget`] when it cannot fit, [`FailureClass::Cancelled`] when `is_over` came first.
    pub fn reserve(&self, account: AccountId, reserve: Reserve, is_over: &dyn Fn() -> bool) -> Result<Held, Failure> {
        let mut accounts = self.accounts();
        loop {
            let chain = chain(&accounts, account);
            for &at in &chain {
                if let Some(words) = accounts[at].refuses(reserve, false) {
                    accounts[at].exhausted = true;
                    return Err(refusal(at, &words));
                }
            }
            if chain.iter().all(|&at| accounts[at].refuses(reserve, true).is_none()) {
                for at in chain {
                    accounts[at].held_tokens += reserve.tokens;
                    accounts[at].held_usd += reserve.usd;
                }
                return Ok(Held { account, reserve });
            }
            if is_over() {
                return Err(Failure::new(FailureClass::Cancelled, "the run was stopped"));
            }
            accounts = self.changed.wait_timeout(accounts, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Gives back what was set aside and takes what was really used.
    pub fn settle(&self, held: &Held, spent: Spent) {
        let mut accounts = self.accounts();
        for at in chain(&accounts, held.account) {
            accounts[at].held_tokens -= held.reserve.tokens;
            accounts[at].held_usd = (accounts[at].held_usd - held.reserve.usd).max(0.0);
        }
        drop(accounts);
        self.take(held.account, spent);
    }

    /// Takes what was used without setting it aside first: what a record says.
    pub fn take(&self, account: AccountId, spent: Spent) {
        let mut accounts = self.accounts();
        for at in chain(&accounts, account) {
            accounts[at].tokens += spent.input_tokens + spent.output_tokens;
            accounts[at].usd += spent.usd;
        }
        self.changed.notify_all();
    }

    /// Counts a step visit of a record.
    pub fn take_visit(&self, account: AccountId) {
        let mut accounts = self.accounts();
        chain(&accounts, account).into_iter().for_each(|at| accounts[at].steps += 1);
    }

    /// Whether something did not fit into the account.
    pub fn is_exhausted(&self, account: AccountId) -> bool {
        self.accounts()[account].exhausted
    }

    /// Visits, tokens and US dollars that the run has taken.
    pub fn used(&self) -> (u64, u64, f64) {
        let accounts = self.accounts();
        (accounts[RUN].steps, accounts[RUN].tokens, accounts[RUN].usd)
    }
}

/// The account and those that it lies in.
fn chain(accounts: &[Account], account: AccountId) -> Vec<AccountId> {
    std::iter::successors(Some(account), |&at| accounts[at].within).collect()
}

fn refusal(account: AccountId, words: &str) -> Failure {
    let whose = if account == RUN { "the run's" } else { "the sub-graph's" };
    Failure::new(FailureClass::Budget, format!("{whose} limit is reached: {words}"))
}

/// The moment `seconds` from `now`; `None` when that is further away than anyone waits.
pub(super) fn deadline(now: Instant, seconds: f64) -> Option<Instant> {
    Duration::try_from_secs_f64(seconds.max(0.0)).ok().and_then(|after| now.checked_add(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(tokens: u64) -> Reserve {
        Reserve { tokens, usd: 0.0 }
    }

    fn spent(tokens: u64) -> Spent {
        Spent { output_tokens: tokens, ..Spent::default() }
    }

    #[test]
    fn nothing_is_taken_that_was_not_left() {
        let ledger = Ledger::new(&Limits { tokens: 100, usd: 0.5, ..Limits::default() });
        let held = ledger.reserve(RUN, tokens(60), &|| false).unwrap();
        // It would fit if the other call took less than it may; whoever waits can be stopped.
        assert_eq!(ledger.reserve(RUN, tokens(60), &|| true).unwrap_err().class, FailureClass::Cancelled);
        assert!(!ledger.is_exhausted(RUN));
        ledger.settle(&held, spent(50));
        let failure = ledger.reserve(RUN, tokens(60), &|| false).unwrap_err();
        assert_eq!(failure.class, FailureClass::Budget);
        assert!(failure.message.contains("tokens = 100: 50 are used"), "{failure}");
        assert!(ledger.is_exhausted(RUN));
        let held = ledger.reserve(RUN, Reserve { tokens: 50, usd: 0.5 }, &|| false).unwrap();
        ledger.settle(&held, Spent { usd: 0.5, ..Spent::default() });
        assert!(ledger.reserve(RUN, Reserve { tokens: 1, usd: 0.1 }, &|| false).is_err());
    }

    #[test]
    fn a_call_waits_for_what_others_give_back() {
        let ledger = Ledger::new(&Limits { tokens: 100, ..Limits::default() });
        let held = ledger.reserve(RUN, tokens(80), &|| false).unwrap();
        std::thread::scope(|scope| {
            let second =
                scope.spawn(|| ledger.reserve(RUN, tokens(80), &|| false).map(|held| ledger.settle(&held, spent(80))));
            ledger.settle(&held, spent(20));
            second.join().unwrap().unwrap();
        });
        assert_eq!(ledger.used().1, 100);
    }

    #[test]
    fn an_account_within_another_is_bounded_by_both() {
        let ledger = Ledger::new(&Limits { steps: 3, tokens: 100, ..Limits::default() });
        let inner = ledger.open(RUN, SubLimits { steps: Some(2), tokens: Some(10), ..SubLimits::default() });
        assert!(ledger.reserve(inner, tokens(11), &|| false).unwrap_err().message.contains("sub-graph"));
        assert!(ledger.is_exhausted(inner) && !ledger.is_exhausted(RUN));
        ledger.visit(inner).unwrap();
        ledger.visit(inner).unwrap();
        assert!(ledger.visit(inner).is_err());
        ledger.visit(RUN).unwrap();
        assert!(ledger.visit(RUN).unwrap_err().message.contains("steps = 3"));
    }
}
