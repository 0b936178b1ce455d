// proxy.c - a class of one's own in a manager
//
// SPDX-License-Identifier: MPL-2.0
//
// As BaseManager.register in Python. The account lives in the manager's process
// and nowhere else; proxies call its methods from any process. Methods of one
// account run one at a time, so they need no lock.

#include <brood.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    int balance;
} account_t;

static void *
account_new (const brood_msg_t *in)
{
    int balance;
    if (brood_msg_unpack (in, "%d", &balance) < 0)
        return NULL;
    account_t *account = malloc (sizeof *account);
    if (account)
        account->balance = balance;
    return account;
}

static int
account_pay (void *object, const brood_msg_t *in, brood_msg_t *out)
{
    account_t *account = object;
    int amount;
    if (brood_msg_unpack (in, "%d", &amount) < 0 || amount > account->balance)
        return 1;
    account->balance -= amount;
    return brood_msg_pack (out, "{left: %d}", account->balance);
}

static const brood_method_t methods[] = { { "pay", account_pay },
                                          { NULL, NULL } };
static const brood_class_t account = { .name = "Account",
                                       .new_fn = account_new,
                                       .destroy_fn = free,
                                       .methods = methods };

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    BROOD_AUTO (manager) manager = brood_manager_new ();
    if (brood_manager_register (manager, &account) < 0)
        return brood_perror ("register");
    BROOD_AUTO (proxy) mine =
        brood_proxy_open (manager, "mine", "Account", "%d", 100);
    if (!mine)
        return brood_perror ("account");
    for (int i = 0; i < 3; i++) {
        BROOD_AUTO (msg) answer = brood_proxy_call (mine, "pay", "%d", 45);
        if (answer)
            brood_msg_print (answer, stdout);
        else
            puts (brood_error ());
    }
    return 0;
}
