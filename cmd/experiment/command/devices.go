package command

import (
	"encoding/json"
	"fmt"

	"selfsup/graph/device"
)

// devices is the kind that experiment list prints of the machine, not of the catalog.
const devices = "devices"

// listDevices prints what a recipe's device can be on this machine. Where there is no GPU, it says why.
func (a *app) listDevices(asJSON bool) error {
	all := []device.About{device.Host().About()}
	gpus, missing := device.GPUs()
	all = append(all, gpus...)
	if asJSON {
		return json.NewEncoder(a.out).Encode(all)
	}
	wide := 0
	for _, d := range all {
		wide = max(wide, len(d.Name))
	}
	for _, d := range all {
		text := fmt.Sprintf("%s, kernels %s", d.Chip, d.Kernels)
		if device.IsGPU(d.Name) {
			text += fmt.Sprintf(", %.1f GiB, driver of CUDA %s", float64(d.Memory)/(1<<30), d.Driver)
		} else {
			text += fmt.Sprintf(", %d threads", d.Threads)
		}
		if _, err := fmt.Fprintf(a.out, "%-*s  %s\n", wide, d.Name, text); err != nil {
			return err
		}
	}
	if missing != nil {
		fmt.Fprintln(a.err, missing)
	}
	return nil
}
