/*
 * A library to be loaded by dlopen whose functions have names of libc's and do something else.
 */
int connect(void);
int listen(void);

int connect(void)
{
	return 1234;
}

int listen(void)
{
	return 5678;
}
