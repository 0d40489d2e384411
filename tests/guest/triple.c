/* A guest that triple-faults at once. */
#include "guest.h"

void guest_main(void *start_info)
{
	(void)start_info;
	triple_fault();
}
