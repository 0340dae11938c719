/*
 * exhausted_library: another library, in whose constructor the last descriptor is taken.
 */
#include "exhaust.h"

__attribute__((constructor)) static void take_all(void)
{
	exhaust_descriptors();
}
