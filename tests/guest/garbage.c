/* A guest that jumps to an address with no memory behind it. */
#include "guest.h"

void guest_main(void *start_info)
{
	(void)start_info;
	((void (*)(void))0x3ffff123)();
}
