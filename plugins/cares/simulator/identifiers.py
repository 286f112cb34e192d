"""Numbers that name people and places: right in shape, and nobody's.

NHS numbers are of the 999 series, which is kept for tests; UPRNs begin with 0099, pupil numbers with an
authority that does not exist.
"""

from __future__ import annotations

import numpy as np

_WEIGHTS = np.arange(10, 1, -1)
_UPN_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"


def check_digits(nine: np.ndarray) -> np.ndarray:
    """The tenth digit of NHS numbers from their first nine, given as numbers; 10 where no number exists."""
    digits = nine[:, None] // 10 ** np.arange(8, -1, -1) % 10
    remainder = 11 - (digits * _WEIGHTS).sum(axis=1) % 11
    return np.where(remainder == 11, 0, remainder)


def nhs_numbers(rng: np.random.Generator, count: int) -> np.ndarray:
    """Distinct valid NHS numbers of the test series as text. At most about 900,000 exist."""
    nine = 999_000_000 + rng.permutation(1_000_000)
    nine = nine[: count + count // 5 + 100]  # one in eleven is no number
    check = check_digits(nine)
    valid = (nine * 10 + check)[check < 10]
    if count > len(valid):
        raise ValueError(f"the test series has fewer NHS numbers than {count} people need")
    return valid[:count].astype(str).astype(object)


def is_valid_nhs_number(text: str) -> bool:
    """Ten ASCII digits, spaces aside, that pass the modulus-11 check."""
    digits = text.replace(" ", "")
    if len(digits) != 10 or not (digits.isascii() and digits.isdigit()):
        return False
    return int(check_digits(np.array([int(digits[:9])]))[0]) == int(digits[9])


def wrong_nhs_numbers(texts: np.ndarray) -> np.ndarray:
    """Which of many texts are no valid NHS number, as `is_valid_nhs_number` judges each; a boolean for each."""
    if not len(texts):
        return np.zeros(0, dtype=bool)
    digits = np.char.replace(texts.astype(str), " ", "")
    wrong = ~(np.char.isdecimal(digits) & (np.char.str_len(digits) == 10))
    wrong[~wrong] = [not text.isascii() for text in digits[~wrong]]
    numbers = digits[~wrong].astype(np.int64)
    wrong[~wrong] = check_digits(numbers // 10) != numbers % 10
    return wrong


def with_wrong_digit(rng: np.random.Generator, number: str) -> str:
    """An NHS number with one digit mistyped, so that its check fails."""
    at = int(rng.integers(3, 10))
    digit = (int(number[at]) + int(rng.integers(1, 10))) % 10
    return f"{number[:at]}{digit}{number[at + 1 :]}"


def in_no_order(rng: np.random.Generator, written: str, count: int) -> np.ndarray:
    """Distinct numbers in no order, written like "J{:07d}"."""
    return numbered(written, rng.permutation(count * 2)[:count])


def numbered(written: str, numbers: np.ndarray) -> np.ndarray:
    """Numbers as they are written, like "R{:07d}"."""
    return np.array([written.format(number) for number in numbers.tolist()], dtype=object)


def uprns(count: int) -> np.ndarray:
    """Distinct property numbers, 12 digits with leading zeros, as text."""
    return np.array([f"0099{number * 7 + 3:08d}" for number in range(count)], dtype=object)


def postcodes(rng: np.random.Generator, outward: np.ndarray) -> np.ndarray:
    """Postcodes with given outward codes and random inward ones of the real shape."""
    letters = np.array(list("ABDEFGHJLNPQRSTUWXYZ"), dtype=object)
    size = len(outward)
    digit = rng.integers(0, 10, size).astype(str).astype(object)
    return outward + " " + digit + letters[rng.integers(0, 20, size)] + letters[rng.integers(0, 20, size)]


def pupil_number(serial: int, born_year: int) -> str:
    """A unique pupil number with a right check letter; the authority 399 does not exist."""
    digits = f"399{4000 + serial % 97:04d}{(born_year + 4) % 100:02d}{serial % 1000:03d}"
    check = sum(int(digit) * weight for digit, weight in zip(digits, range(2, 14), strict=True)) % 23
    return _UPN_LETTERS[check] + digits
