//! Until when a certificate is good, and when that is to be told: pure.

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A certificate's time, Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    from: i64,
    until: i64,
}

/// How far its end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// There is nothing to be done yet.
    Far,
    /// It should have been renewed.
    Near {
        /// Whole days that are left.
        days: i64,
    },
    /// It is over.
    Over,
}

const DAY_SECS: i64 = 24 * 3600;
/// The end of a certificate is never told earlier.
const NEAR_SECS_MAX: i64 = 30 * DAY_SECS;

impl Validity {
    /// That of a certificate, if it can be read.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let validity = parsed.validity();
        Some(Self { from: validity.not_before.timestamp(), until: validity.not_after.timestamp() })
    }

    /// How far the end is at a time. Who renews by itself does so when a third of the time is left, so a
    /// quarter is near, however long a certificate lives.
    pub(crate) fn end_at(self, unix_secs: i64) -> End {
        let left = self.until.saturating_sub(unix_secs);
        let near = (self.until.saturating_sub(self.from) / 4).min(NEAR_SECS_MAX);
        match left {
            ..=0 => End::Over,
            _ if left <= near => End::Near { days: left / DAY_SECS },
            _ => End::Far,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_near_in_the_last_quarter_and_in_the_last_month() {
        for (days, near_days) in [(4, 1), (90, 22), (365, 30)] {
            let validity = Validity { from: 0, until: days * DAY_SECS };
            let end = |left_secs| validity.end_at(days * DAY_SECS - left_secs);
            assert_eq!(end((near_days + 1) * DAY_SECS), End::Far, "{days}");
            assert_eq!(end(near_days * DAY_SECS), End::Near { days: near_days }, "{days}");
            assert_eq!(end(1), End::Near { days: 0 });
            assert_eq!((end(0), end(-1)), (End::Over, End::Over));
        }
    }

    #[test]
    fn the_time_of_a_certificate_is_read() {
        let mut made = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
        made.not_before = rcgen::date_time_ymd(2024, 1, 1);
        made.not_after = rcgen::date_time_ymd(2024, 4, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = made.self_signed(&key).expect("signed");
        let expected = Validity { from: 1_704_067_200, until: 1_711_929_600 };
        assert_eq!(Validity::of(certificate.der()), Some(expected));
        assert_eq!(Validity::of(&CertificateDer::from_slice(b"nothing")), None);
    }
}
