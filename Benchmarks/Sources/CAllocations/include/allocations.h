#pragma once

/* How often memory was asked for since the process began, on every thread. */
unsigned long allocation_count(void);
