/* SPDX-License-Identifier: Apache-2.0 */
/* The CMOS real-time clock (MC146818). */
#include "arch/x86/cpu/clock.h"

#include "arch/x86/cpu/acpi.h"
#include "arch/x86/cpu/io.h"
#include "lib/string.h"

#define REG_A        0x0au
#define REG_A_UPDATE 0x80u
#define REG_B        0x0bu
#define REG_B_24H    0x02u
#define REG_B_BINARY 0x04u
#define HOUR_PM      0x80u
#define MAX_TRIES    1000000u

struct rtc_time {
	uint8_t sec, min, hour, day, month, year, century;
};

static uint8_t cmos(uint8_t index)
{
	outb(0x70, index);
	return inb(0x71);
}

static struct rtc_time read_once(void)
{
	for (unsigned int i = 0; i < MAX_TRIES && (cmos(REG_A) & REG_A_UPDATE); i++)
		;
	return (struct rtc_time){
		.sec = cmos(0),
		.min = cmos(2),
		.hour = cmos(4),
		.day = cmos(7),
		.month = cmos(8),
		.year = cmos(9),
		.century = acpi.century_register ? cmos(acpi.century_register) : 0,
	};
}

static uint8_t from_bcd(uint8_t v)
{
	return (uint8_t)((v >> 4) * 10 + (v & 15));
}

static void to_binary(struct rtc_time *t, uint8_t reg_b)
{
	bool pm = t->hour & HOUR_PM;

	t->hour &= (uint8_t)~HOUR_PM;
	if (!(reg_b & REG_B_BINARY)) {
		uint8_t *field = &t->sec;

		for (size_t i = 0; i < sizeof(*t); i++)
			field[i] = from_bcd(field[i]);
	}
	if (!(reg_b & REG_B_24H))
		t->hour = (uint8_t)(t->hour % 12 + (pm ? 12 : 0));
}

/* Days from 1970-01-01 to the given day of the Gregorian calendar, counting years from March. */
static uint64_t days_since_1970(uint64_t year, uint64_t month, uint64_t day)
{
	uint64_t y = month > 2 ? year : year - 1;
	uint64_t m = month > 2 ? month - 3 : month + 9;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

uint64_t rtc_read_seconds(void)
{
	struct rtc_time t = read_once(), again;
	uint64_t year;

	/* Twice the same means no update came between two of its fields. */
	while (again = read_once(), memcmp(&t, &again, sizeof(t)))
		t = again;
	to_binary(&t, cmos(REG_B));
	year = t.century >= 19 && t.century < 30 ? t.century * 100u + t.year : 2000u + t.year;
	if (t.month < 1 || t.month > 12 || t.day < 1 || t.day > 31 || year < 1970)
		return 0;
	return ((days_since_1970(year, t.month, t.day) * 24 + t.hour) * 60 + t.min) * 60 + t.sec;
}
