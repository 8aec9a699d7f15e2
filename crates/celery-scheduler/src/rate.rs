//! How fast a rate limit lets tasks through.

use std::time::{Duration, SystemTime};

use crate::Error;

/// A task's `rate_limit`, in tasks per second and per worker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit(f64);

impl RateLimit {
    /// Reads `10/s`, `100/m`, `1000/h` or a bare number of tasks per second; zero is no limit.
    ///
    /// Source: `celery/utils/time.py: rate`.
    pub fn parse(text: &str) -> Result<Option<Self>, Error> {
        let error = || Error::RateLimit { text: text.to_owned() };
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let number: f64 = number.trim().parse().map_err(|_| error())?;
        let seconds = match unit {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(error()),
        };
        if !number.is_finite() || number < 0.0 {
            return Err(error());
        }
        Ok((number > 0.0).then(|| Self(number / seconds)))
    }

    /// Tasks per second.
    pub fn per_second(self) -> f64 {
        self.0
    }
}

/// A bucket that holds one token and fills at the limit's rate (`kombu/utils/limits.py: TokenBucket`, capacity 1).
#[derive(Debug, Clone)]
pub struct TokenBucket {
    limit: RateLimit,
    tokens: f64,
    filled: SystemTime,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(limit: RateLimit, now: SystemTime) -> Self {
        Self { limit, tokens: 1.0, filled: now }
    }

    /// Takes a token, or says how long until there is one.
    pub fn take(&mut self, now: SystemTime) -> Result<(), Duration> {
        let since = now.duration_since(self.filled).unwrap_or_default().as_secs_f64();
        self.tokens = since.mul_add(self.limit.0, self.tokens).min(1.0);
        self.filled = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.tokens) / self.limit.0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn reads_rates() {
        let per_second = |text| RateLimit::parse(text).expect("a rate").map(RateLimit::per_second);
        assert_eq!(per_second("10/s"), Some(10.0));
        assert_eq!(per_second("60/m"), Some(1.0));
        assert_eq!(per_second("0.5"), Some(0.5));
        assert_eq!(per_second("0"), None);
        assert!(RateLimit::parse("10/day").is_err());
    }

    #[test]
    fn one_token_at_the_rate() {
        let limit = RateLimit::parse("2/s").expect("a rate").expect("a limit");
        let mut bucket = TokenBucket::new(limit, UNIX_EPOCH);
        assert_eq!(bucket.take(UNIX_EPOCH), Ok(()));
        assert_eq!(bucket.take(UNIX_EPOCH), Err(Duration::from_millis(500)));
        assert_eq!(bucket.take(UNIX_EPOCH + Duration::from_millis(500)), Ok(()));
    }
}
