//! Ranges of IP addresses in CIDR form.

use std::net::IpAddr;

/// Addresses that share their first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IpRange {
    start: IpAddr,
    prefix_bits: u32,
}

impl IpRange {
    /// Reads `203.0.113.0/24`, `2001:db8::/32`, or one address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let start: IpAddr = address.parse().ok()?;
        let bits_max = if start.is_ipv4() { 32 } else { 128 };
        let is_number = |bits: &&str| !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit());
        let prefix_bits = match bits {
            None => bits_max,
            Some(bits) => Some(bits).filter(is_number)?.parse().ok()?,
        };
        (prefix_bits <= bits_max).then_some(Self { start, prefix_bits })
    }

    /// Whether the address is one of them. IPv4 and IPv6 have none in common.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let differing = match (self.start, address) {
            (IpAddr::V4(start), IpAddr::V4(address)) => {
                u128::from(start.to_bits() ^ address.to_bits()) << 96
            }
            (IpAddr::V6(start), IpAddr::V6(address)) => start.to_bits() ^ address.to_bits(),
            _ => return false,
        };
        differing.leading_zeros() >= self.prefix_bits
    }
}
